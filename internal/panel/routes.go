package panel

import "net/http"

// route is one operation of the API. Its request and answer shapes are
// examples of their types; the description of the API is made of them.
type route struct {
	method  string
	path    string // below apiRoot, as gin wants it
	summary string
	query   []queryParam
	body    any  // nil: none
	file    bool // the body is a file
	status  int  // of success
	answer  any
	handle  func(*call) (status int, answer any, err error)
}

type queryParam struct {
	name     string
	doc      string
	required bool
}

var (
	todayParam  = queryParam{"today", "The caller's calendar date, yyyy-mm-dd; the choices of periods count from it.", false}
	cursorParam = queryParam{"cursor", "Where to go on: next of the answer before.", false}
)

func (p *Panel) table() []route {
	const (
		get, post, put, del = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete
		ok                  = http.StatusOK
		created             = http.StatusCreated
		accepted            = http.StatusAccepted
	)
	return []route{
		{get, "/me", "Who is calling.", nil, nil, false, ok, meView{}, me},

		{get, "/countries", "The countries in which banks can be linked.", nil, nil, false, ok, countriesView{}, countries},
		{get, "/institutions", "The banks of a country.", []queryParam{
			{"country", "ISO 3166-1 alpha-2.", true}, {"q", "Words of the bank's name.", false},
		}, nil, false, ok, institutionsView{}, institutions},

		{post, "/attempts", "Begin to sign in at a bank.", nil, beginBody{}, false, created, attemptView{}, begin},
		{get, "/attempts/:attemptId", "How a sign-in stands.", nil, nil, false, ok, attemptView{}, attempt},
		{post, "/attempts/:attemptId/answer", "Answer what the bank asks. What it refuses can be answered again.", nil, answerBody{}, false, ok, attemptView{}, answer},

		{get, "/connections", "The caller's own connections.", []queryParam{todayParam}, nil, false, ok, connectionsView{}, connections},
		{get, "/connections/:connectionId", "One of them.", []queryParam{todayParam}, nil, false, ok, connectionView{}, connection},
		{del, "/connections/:connectionId", "Disconnect the bank and forget the connection and its integrations. What is recorded stays.", nil, nil, false, ok, endingView{}, removeConnection},
		{post, "/connections/:connectionId/sync", "Ask the bank for news now.", nil, nil, false, accepted, connectionView{}, syncConnection},
		{post, "/connections/:connectionId/disconnect", "Destroy what opens the bank and stop its integrations. To reconnect sets them going again.", nil, nil, false, ok, endingView{}, disconnect},

		{get, "/books/:bookId", "A book.", nil, nil, false, ok, bookView{}, book},
		{get, "/books/:bookId/accounts", "Its accounts, by name.", nil, nil, false, ok, accountsView{}, accounts},
		{get, "/books/:bookId/integrations", "Which bank accounts record into the book.", nil, nil, false, ok, integrationsView{}, integrations},
		{post, "/books/:bookId/integrations", "Make a bank account record into the book, or save its integration again: that fetches the period once more, and nothing comes twice.", nil, saveBody{}, false, ok, integrationView{}, saveIntegration},
		{del, "/books/:bookId/integrations/:integrationId", "Stop a bank account from recording into the book. What is recorded stays.", nil, nil, false, ok, done{}, removeIntegration},
		{put, "/books/:bookId/integrations/:integrationId/sureness", "Say how sure the learner has to be to complete what this brings. Open drafts that it is sure enough of then are completed; what is completed stays.", nil, surenessBody{}, false, ok, integrationView{}, setSureness},
		{get, "/books/:bookId/integrations/:integrationId/pending", "What the bank has announced and not booked.", nil, nil, false, ok, pendingView{}, pending},
		{get, "/books/:bookId/runs", "What came into the book, when, and what became of it.", []queryParam{cursorParam}, nil, false, ok, runsView{}, runs},
		{get, "/books/:bookId/runs/:runId", "One run with its rows.", []queryParam{cursorParam}, nil, false, ok, runDetailView{}, run},
		{post, "/books/:bookId/runs/:runId/undo", "Take what a run has recorded, and nobody has touched, out of the book. It is not recorded again unless it is brought back.", nil, nil, false, accepted, undoneView{}, undoRun},
		{post, "/books/:bookId/runs/:runId/redo", "Bring back what was taken out.", nil, nil, false, accepted, undoneView{}, redoRun},
		{get, "/books/:bookId/transfers", "Transfers between own accounts: what may be one, and what was made one transaction.", nil, nil, false, ok, transfersView{}, transfers},
		{post, "/books/:bookId/transfers/:transferId/accept", "Make a proposed pair one transaction.", nil, nil, false, ok, transfersView{}, acceptTransfer},
		{post, "/books/:bookId/transfers/:transferId/reject", "Say that a proposed pair are two.", nil, nil, false, ok, transfersView{}, rejectTransfer},
		{post, "/books/:bookId/transfers/:transferId/undo", "Make two transactions of a joined transfer again, and remember that they are two.", nil, nil, false, ok, transfersView{}, undoTransfer},
		{get, "/books/:bookId/rules", "The rules of the book, what each matched lately, and rules that earlier decisions speak for.", nil, nil, false, ok, rulesView{}, listRules},
		{post, "/books/:bookId/rules", "Create a rule, behind all others. The open drafts follow.", nil, ruleBody{}, false, created, ruleView{}, createRule},
		{put, "/books/:bookId/rules/:ruleId", "Replace a rule in its place, or switch it on or off. A conflict says that somebody has changed it since: look at it again.", nil, ruleBody{}, false, ok, ruleView{}, updateRule},
		{del, "/books/:bookId/rules/:ruleId", "Delete a rule. What it has completed stays.", []queryParam{
			{"revision", "Of the rule that you have seen.", true},
		}, nil, false, ok, rulesView{}, deleteRule},
		{post, "/books/:bookId/rules/order", "Put the rules into another order. A conflict says that somebody has changed it since.", nil, ruleOrderBody{}, false, ok, rulesView{}, arrangeRules},
		{post, "/books/:bookId/rules/try", "Which of the open drafts a rule would match. Nothing is changed.", nil, ruleTrialBody{}, false, ok, ruleTrialView{}, tryRule},
		{post, "/books/:bookId/rules/proposals/:proposalId/decline", "Say that a proposed rule is not wanted. It is not proposed again.", nil, nil, false, ok, rulesView{}, declineRule},
		{get, "/books/:bookId/doubles", "Rows that were recorded as new and may be a movement that was known: what waits for a person, and what a person has said to be one.", nil, nil, false, ok, doublesView{}, doubles},
		{post, "/books/:bookId/doubles/:doubleId/one", "Say that the two are one movement: the draft that nobody has touched leaves the book. It goes on: ask for the doubles until it is deciding no more.", nil, nil, false, accepted, doublesView{}, sayOne},
		{post, "/books/:bookId/doubles/:doubleId/two", "Say that they are two; what had left the book comes back.", nil, nil, false, accepted, doublesView{}, sayTwo},
		{get, "/books/:bookId/learning", "What the learner knows of the book, and how far its posted history is read.", nil, nil, false, ok, learningView{}, learning},
		{post, "/books/:bookId/learning", "Read the posted history from its beginning. What is learned stays. It goes on: ask until it is done.", nil, nil, false, accepted, learningView{}, learnAgain},
		{get, "/books/:bookId/reconciliation", "How the bank's balances, what the bank has told, and the book agree.", nil, nil, false, ok, reconciliationView{}, reconciliation},
		{get, "/books/:bookId/parked", "Rows that the book has refused.", nil, nil, false, ok, parkedView{}, parked},
		{post, "/books/:bookId/parked/retry", "Try them again.", nil, nil, false, accepted, retriedView{}, retryParked},
		{post, "/books/:bookId/statements", "Record a statement file: OFX or QFX.", []queryParam{
			{"accountId", "The account of the book to record into.", true}, {"name", "The name of the file.", true},
		}, nil, true, accepted, startedView{}, uploadStatement},

		{get, "/dead", "Work that was given up after many tries, of a book and of the caller's connections.", []queryParam{
			{"bookId", "The book.", true},
		}, nil, false, ok, deadView{}, deadLetters},
		{post, "/dead/:letterId/replay", "Try it once more.", nil, nil, false, accepted, done{}, replay},
	}
}
