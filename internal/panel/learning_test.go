package panel_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/bank-connections/bkper-bot/internal/bank"
	"github.com/bank-connections/bkper-bot/internal/ledger"
	"github.com/bank-connections/bkper-bot/internal/store"
)

func (b *bench) learned(l ledger.Learning) {
	b.t.Helper()
	if err := b.records.Learning.Save(b.t.Context(), b.engine, store.Key("demo"), l); err != nil {
		b.t.Fatal(err)
	}
}

func TestHowFarTheHistoryIsRead(t *testing.T) {
	b := newBench(t)
	begun := ledger.History{From: bank.NewDate(2026, 1, 1), Next: bank.NewDate(2026, 7, 1), To: bank.NewDate(2026, 12, 31), Read: 40}
	for claim, c := range map[string]struct {
		state ledger.Learning
		want  object
	}{
		"not begun":   {ledger.Learning{}, object{"done": false, "read": 0.0, "share": 0.0}},
		"in the half": {ledger.Learning{History: begun}, object{"done": false, "from": "2026-01-01", "upTo": "2026-06-30", "to": "2026-12-31", "read": 40.0, "share": 49.0}},
	} {
		b.learned(c.state)
		got := b.call("editor", "GET", "/books/demo/learning", nil, http.StatusOK)["history"].(object)
		for key, want := range c.want {
			if got[key] != want {
				t.Errorf("%s: %s is %v, want %v", claim, key, got[key], want)
			}
		}
	}
	b.learned(ledger.Learning{Lessons: 12, HistoryLearned: time.Now(), History: begun})
	if got := b.call("editor", "GET", "/books/demo/learning", nil, http.StatusOK); got["lessons"] != 12.0 || got["history"].(object)["done"] != true {
		t.Errorf("%v", got)
	}
	if again := b.call("editor", "POST", "/books/demo/learning", nil, http.StatusAccepted); again["lessons"] != 12.0 || again["history"].(object)["done"] != false {
		t.Errorf("%v", again)
	}
}

func TestHowSureTheLearnerHasToBe(t *testing.T) {
	b := newBench(t)
	i := b.integrate("owner", b.connect("owner", "us_newyork", "US"))
	path := "/books/demo/integrations/" + i["id"].(string) + "/sureness"
	if i["sureness"] != "98" {
		t.Errorf("at first it is %v", i["sureness"])
	}
	for _, sureness := range []string{"95", "99", "never", "98"} {
		if got := b.call("editor", "PUT", path, object{"sureness": sureness}, http.StatusOK); got["sureness"] != sureness {
			t.Errorf("%s became %v", sureness, got["sureness"])
		}
	}
	for _, sureness := range []string{"", "100", "97", "always"} {
		b.call("owner", "PUT", path, object{"sureness": sureness}, http.StatusBadRequest)
	}
}

func TestLearningInABrowser(t *testing.T) {
	tab := newBrowser(t)
	b := newBench(t)
	server := httptest.NewServer(b.handler)
	defer server.Close()
	id := b.integrate("owner", b.connect("owner", "us_newyork", "US"))["id"].(string)
	b.learned(ledger.Learning{Lessons: 12, HistoryLearned: time.Now()})
	tab.open(server.URL + "/panel?bookId=demo")
	tab.until("document.querySelector('#integrations [data-act=sureness]').value === '98'")
	tab.allWell("sureness")
	tab.until("(() => { const s = document.querySelector('#integrations [data-act=sureness]'); s.value = 'never'; s.dispatchEvent(new Event('change')); return true; })()")
	tab.says("#said", "Its drafts are left to you.")
	tab.until("document.querySelector('#integrations [data-act=sureness]').value === 'never'")
	if i, err := b.records.Integrations.Load(t.Context(), b.engine, store.Key("demo", id)); err != nil || i.Sureness != 100 {
		t.Errorf("%+v, %v", i, err)
	}
	tab.click("#tab-rules")
	tab.says("#learned", "It knows 12 decisions. The history is read.")
	tab.click("#learn-again")
	tab.says("#learned", "The history is not read yet.")
	tab.allWell("learned")
}
