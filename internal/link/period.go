package link

import "github.com/bank-connections/bkper-bot/internal/bank"

// usualHistory is how many days "all the bank has" goes back where the bank
// does not say: what most give at most.
const usualHistory = 730

// Period is a choice of how far back to fetch.
type Period struct {
	ID    string    `json:"id"`
	Label string    `json:"label"`
	Since bank.Date `json:"since"` // the first day
}

// Periods returns the choices on that day, the shortest first. The bank tells
// historyDays days back, 0 if that is unknown; choices beyond that are left
// out. The last one is all that the bank has.
func Periods(today bank.Date, historyDays int) []Period {
	all := Period{"all", "All the bank has", today.AddDays(-usualHistory)}
	if historyDays > 0 {
		all.Since = today.AddDays(-historyDays)
	}
	choices := []Period{
		{"today", "From today", today},
		{"30-days", "Last 30 days", today.AddDays(-30)},
		{"90-days", "Last 90 days", today.AddDays(-90)},
		{"this-year", "This year", bank.NewDate(today.Year(), 1, 1)},
	}
	periods := make([]Period, 0, len(choices)+1)
	for _, p := range choices {
		if historyDays == 0 || !p.Since.Before(all.Since) {
			periods = append(periods, p)
		}
	}
	return append(periods, all)
}
