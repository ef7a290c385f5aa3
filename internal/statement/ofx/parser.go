package ofx

import "strings"

// parser makes statements of tags. It keeps no stack: it knows the few tags
// that begin something and takes each value to what was begun last, so that a
// closing tag, missing or misplaced, decides nothing but the end of a row.
type parser struct {
	tokens   *tokens
	document *Document

	statement Statement
	begun     bool // a tag, and not only a row, says there is a statement

	row   Row
	inRow bool
	rows  int // of all statements

	part    string // what was begun within a row: PAYEE, CURRENCY
	section string // what was begun elsewhere: LEDGERBAL, STATUS
	status  status
}

// status is what a bank answers beside a statement, or instead of it.
type status struct{ code, severity, message string }

// maxRefusals bounds how many refusals are kept.
const maxRefusals = 10

// maxValue bounds, in bytes, what is put together from repeated tags.
const maxValue = 4 << 10

func (p *parser) open(name string) {
	switch name {
	case "STMTRS", "CCSTMTRS", "INVSTMTRS":
		p.endStatement()
		p.begun = true
		p.statement = Statement{Line: p.tokens.lineOf(), Kind: kinds[name]}
	case "STMTTRN":
		p.beginRow(Movement)
	case "STMTTRNP":
		p.beginRow(PendingRow)
	case "INVTRAN":
		p.beginRow(InvestmentRow)
	case "BANKTRANLIST", "BANKTRANLISTP", "INVTRANLIST", "LEDGERBAL", "AVAILBAL", "INVBAL", "BALLIST", "STATUS":
		p.endRow()
		p.begin(name)
		if name == "LEDGERBAL" && p.statement.Ledger.Line == 0 {
			p.statement.Ledger.Line = p.tokens.lineOf()
		}
	case "PAYEE", "BANKACCTTO", "CCACCTTO", "CURRENCY", "ORIGCURRENCY":
		p.part = name
		p.take(name) // some banks write <CURRENCY>USD
	default:
		if strings.HasSuffix(name, "MSGSRSV1") || strings.HasSuffix(name, "TRNRS") {
			p.endStatement()
			return
		}
		p.take(name)
	}
}

var kinds = map[string]Kind{"STMTRS": Bank, "CCSTMTRS": Card, "INVSTMTRS": Investment}

func (p *parser) close(name string) {
	switch name {
	case "STMTTRN", "STMTTRNP", "INVTRANLIST", "BANKTRANLIST", "BANKTRANLISTP", "STMTRS", "CCSTMTRS", "INVSTMTRS":
		p.endRow()
		p.begin("")
	case p.section:
		p.begin("")
	case p.part:
		p.part = ""
	}
}

// begin ends the section there is and begins another, "" for none.
func (p *parser) begin(section string) {
	if s := p.status; s.severity == "ERROR" && len(p.document.Refusals) < maxRefusals {
		p.document.Refusals = append(p.document.Refusals, strings.TrimSuffix(s.code+": "+s.message, ": "))
	}
	p.section, p.status = section, status{}
}

func (p *parser) beginRow(kind RowKind) {
	p.endRow()
	p.row = Row{Kind: kind, Line: p.tokens.lineOf()}
	p.inRow = true
	p.rows++
}

func (p *parser) endRow() {
	if p.inRow {
		p.statement.Rows = append(p.statement.Rows, p.row)
	}
	p.row, p.inRow, p.part = Row{}, false, ""
}

// endStatement keeps what there is of a statement. It is called when another
// begins, not when this one is said to end: what comes in between belongs to
// it.
func (p *parser) endStatement() {
	p.endRow()
	if p.begun || len(p.statement.Rows) > 0 {
		p.document.Statements = append(p.document.Statements, p.statement)
	}
	p.statement, p.begun = Statement{}, false
	p.begin("")
}

// take keeps the value of the current tag where it belongs, if anywhere. The
// first value counts; texts add up.
func (p *parser) take(name string) {
	field := p.field(name)
	if field == nil {
		return
	}
	value := p.tokens.value()
	switch {
	case value == "":
	case *field == "":
		*field = value
	case name == "MEMO" && len(*field)+len(value) < maxValue && *field != value:
		*field += " " + value
	}
}

func (p *parser) field(name string) *string {
	if p.inRow {
		return p.rowField(name)
	}
	if p.section == "STATUS" {
		if field := p.statusField(name); field != nil {
			return field
		}
	}
	return p.statementField(name)
}

func (p *parser) statusField(name string) *string {
	switch name {
	case "CODE":
		return &p.status.code
	case "SEVERITY":
		return &p.status.severity
	case "MESSAGE":
		return &p.status.message
	}
	return nil
}

func (p *parser) rowField(name string) *string {
	row := &p.row
	switch name {
	case "TRNTYPE":
		return &row.Type
	case "DTPOSTED", "DTTRAN", "DTTRADE":
		return &row.Posted
	case "DTUSER":
		return &row.User
	case "DTAVAIL":
		return &row.Available
	case "TRNAMT", "TOTAL":
		return &row.Amount
	case "FITID":
		return &row.ID
	case "CORRECTFITID":
		return &row.CorrectID
	case "CORRECTACTION":
		return &row.CorrectAction
	case "CHECKNUM":
		return &row.CheckNumber
	case "REFNUM":
		return &row.Reference
	case "MEMO":
		return &row.Memo
	case "NAME":
		if p.part == "PAYEE" {
			return &row.Payee
		}
		return &row.Name
	case "PAYEE":
		return &row.Payee
	case "ACCTID":
		return &row.ToAccount
	case "CURRENCY":
		return &row.Currency
	case "CURSYM":
		if p.part != "ORIGCURRENCY" {
			return &row.Currency
		}
	}
	return nil
}

func (p *parser) statementField(name string) *string {
	statement := &p.statement
	switch name {
	case "ORG":
		return &p.document.Institution
	case "CURDEF":
		return &statement.Currency
	case "BANKID", "BROKERID":
		return &statement.BankID
	case "BRANCHID":
		return &statement.BranchID
	case "ACCTID":
		return &statement.AccountID
	case "ACCTTYPE":
		return &statement.AccountType
	case "DTSTART":
		return &statement.From
	case "DTEND":
		return &statement.To
	case "BALAMT":
		if p.section == "LEDGERBAL" {
			return &statement.Ledger.Amount
		}
	case "DTASOF":
		if p.section == "LEDGERBAL" {
			return &statement.Ledger.Date
		}
	}
	return nil
}
