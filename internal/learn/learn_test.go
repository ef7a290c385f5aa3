package learn

import (
	"fmt"
	"testing"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/money"
)

// paid is a lesson: amount and text of a movement of the checking account,
// and the account that a person chose.
func paid(id, date, amount, text, account string) Lesson {
	d, err := bank.ParseDate(date)
	if err != nil {
		panic(err)
	}
	return Lesson{Movement{ID: id, BankAccount: "checking", Date: d, Amount: money.MustDecimal(amount), Text: text}, account}
}

func lessons(n int, amount, text, account string) []Lesson {
	var all []Lesson
	for i := range n {
		all = append(all, paid(fmt.Sprint(text, account, i), fmt.Sprintf("2026-%02d-03", i+1), amount, text, account))
	}
	return all
}

func taught(all ...[]Lesson) *Learner {
	l := New()
	for _, some := range all {
		for _, s := range some {
			l.Learn(s)
		}
	}
	return l
}

func TestThreeEqualDecisionsMakeAMerchantSure(t *testing.T) {
	question := paid("q", "2026-10-03", "-39.90", "NETFLIX.COM 4417", "").Movement
	if got, ok := New().Suggest(question); ok {
		t.Errorf("an empty book suggests %+v", got)
	}
	for n, sure := range map[int]bool{1: false, 3: true, 4: true} {
		got, ok := taught(lessons(n, "-39.90", "NETFLIX.COM", "subscriptions")).Suggest(question)
		want := fmt.Sprintf(`%d of %d earlier "NETFLIX" went to subscriptions`, n, n)
		if !ok || got.Account != "subscriptions" || got.Sure != sure || got.Reason != want {
			t.Errorf("after %d decisions: %+v", n, got)
		}
	}
}

func TestAMerchantOfDifferentDecisionsIsNotSure(t *testing.T) {
	l := New()
	for i := range 8 {
		l.Learn(paid(fmt.Sprint(i), fmt.Sprintf("2026-%02d-03", i+1), "-20", "AMAZON", []string{"books", "office"}[i%2]))
	}
	if got, ok := l.Suggest(paid("q", "2026-10-03", "-20", "AMAZON", "").Movement); !ok || got.Sure {
		t.Errorf("%+v, %v", got, ok)
	}
}
