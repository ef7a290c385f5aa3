package ledger

// The properties that the app writes into a transaction of the book. Bkper
// hides those that end with an underscore.
const (
	BankTextProperty     = "bank_text"              // the bank's own text, whatever becomes of the description
	InstitutionProperty  = "bank_institution"       // who reported it
	CounterpartyProperty = "bank_counterparty"      // as the bank names it
	KindProperty         = "bank_kind"              // what the bank calls this way of paying
	ReasonProperty       = "completed_because"      // why the counter account was filled in, in words
	LookProperty         = "worth_a_look"           // why a person should look at what the learner has filled in, in words
	RunProperty          = "bank_connections_run_"  // that brought it
	RuleProperty         = "bank_connections_rule_" // the person's rule that gave more than the counter account, with its revision
)

func isOwnProperty(key string) bool {
	switch key {
	case BankTextProperty, InstitutionProperty, CounterpartyProperty, KindProperty, ReasonProperty, LookProperty, RunProperty, RuleProperty:
		return true
	default:
		return false
	}
}
