package panel_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// browser is one tab of Chromium.
type browser struct {
	t   *testing.T
	ctx context.Context
}

// newBrowser starts Chromium, or skips the test where there is none. On the
// machine that decides about changes there must be one.
func newBrowser(t *testing.T) *browser {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("there is no Chromium")
		}
		t.Skip("there is no Chromium")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.Flag("lang", "en-US"))
	allocated, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, end := chromedp.NewContext(allocated, chromedp.WithLogf(func(string, ...any) {}))
	t.Cleanup(end)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("starting Chromium: %v", err)
	}
	return &browser{t, ctx}
}

type step = chromedp.Action[chromedp.Void]

// do does steps; what says which ones failed.
func (b *browser) do(what string, steps ...step) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 20*time.Second)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		seen, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string]("document.body.innerText"))
		b.t.Fatalf("%s: %v\nthe page says:\n%s", what, err, seen)
	}
}

// until waits for a JavaScript expression to come true.
func (b *browser) until(expression string) {
	b.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		ok, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("Boolean("+expression+")"))
		if err == nil && ok {
			return
		}
		if time.Now().After(deadline) {
			seen, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string]("document.body.innerText"))
			b.t.Fatalf("never came true: %s (%v)\nthe page says:\n%s", expression, err, seen)
		}
	}
}

func (b *browser) says(selector, text string) {
	b.t.Helper()
	b.until(fmt.Sprintf("[...document.querySelectorAll(%q)].some((e) => e.checkVisibility() && e.textContent.includes(%q))", selector, text))
}

func (b *browser) click(selector string) {
	b.t.Helper()
	b.do("click "+selector, chromedp.Click(selector))
}

func (b *browser) typeIn(selector, text string) {
	b.t.Helper()
	b.do("type in "+selector, chromedp.SendKeys(selector, text))
}

// pick chooses an option by its text.
func (b *browser) pick(selector, option string) {
	b.t.Helper()
	b.until(fmt.Sprintf(`(() => {
		const select = document.querySelector(%q);
		const option = [...select.options].find((o) => o.text.includes(%q));
		if (!option) return false;
		select.value = option.value;
		return select.dispatchEvent(new Event('change', { bubbles: true }));
	})()`, selector, option))
}

// open opens a page of the panel and begins to watch what goes wrong in it.
func (b *browser) open(address string) {
	b.t.Helper()
	b.do("open "+address, chromedp.Navigate(address))
	b.until("document.body.dataset.ready === 'yes'")
	b.until(`(() => {
		window.wrong = [];
		addEventListener('error', (e) => window.wrong.push(e.message));
		addEventListener('unhandledrejection', (e) => window.wrong.push(String(e.reason)));
		document.addEventListener('securitypolicyviolation', (e) => window.wrong.push(e.violatedDirective + ' ' + e.blockedURI));
		return true;
	})()`)
}

// allWell fails if anything went wrong in the page, or if it is wider than its
// window.
func (b *browser) allWell(where string) {
	b.t.Helper()
	wrong, err := chromedp.Run(b.ctx, chromedp.Evaluate[[]string](`window.wrong`))
	if err != nil || len(wrong) > 0 {
		b.t.Errorf("%s: %v %v", where, wrong, err)
	}
	b.until("window.hacked === undefined")
	for _, width := range []int64{360, 1280} {
		b.do("resize", chromedp.EmulateViewport(width, 800))
		wide, err := chromedp.Run(b.ctx, chromedp.Evaluate[int64]("document.documentElement.scrollWidth"))
		if err != nil || wide > width {
			b.t.Errorf("%s: %d pixels wide in a window of %d, %v", where, wide, width, err)
		}
	}
}

func TestTheJourneyInABrowser(t *testing.T) {
	tab := newBrowser(t)
	b := newBench(t)
	b.park()
	server := httptest.NewServer(b.handler)
	defer server.Close()
	b.base = server.URL
	b.bank.SetBankURL(server.URL + "/sandbox/bank")

	tab.open(server.URL + "/panel?bookId=demo")
	tab.says("#welcome", "Connect a bank")
	tab.click("#welcome .connect")
	tab.pick("#country", "United States")
	tab.click("#connect button[type=submit]")
	tab.until("document.querySelector('#accept').matches(':invalid')") // the privacy notice comes first
	tab.click("#accept")
	tab.click("#connect button[type=submit]")
	tab.says(".choice", "Demo Bank New York")
	tab.click("#connect-step .actions button")
	tab.until("document.querySelector('#accept').checked") // it is accepted already
	tab.click("#connect button[type=submit]")
	tab.typeIn("#bank", "no such bank")
	tab.says("#connect-step", "No bank of this name")
	tab.until("(document.querySelector('#bank').value = '', true)")
	tab.typeIn("#bank", "NEW york\r")
	tab.typeIn("#field-0", "demo")
	tab.typeIn("#field-1", "Demo\r")
	tab.says("#connect-trouble", "spaces, capital letters and punctuation")
	tab.until("document.activeElement.id === 'field-1' && document.activeElement.value === ''")
	tab.typeIn("#field-1", "demo\r")
	tab.says("#connect-title", "Demo Bank New York is connected")
	tab.until("document.querySelector('#into-0').selectedOptions[0].text === 'Checking'") // of the same name
	tab.pick("#into-1", "Create a new account")
	tab.pick("#into-2", "Do not record")
	tab.pick("#period-0", "Last 90 days")
	tab.pick("#period-1", "From a date")
	tab.until("(document.querySelector('#date-1').value = '2026-01-31', true)")
	tab.allWell("saving")
	tab.click("#connect form .primary")
	tab.says("#said", "2 integrations saved")
	tab.until("document.activeElement.id === 'banks'") // the button that opened the dialog is gone
	tab.says("#integrations .card", "Demo Bank New York Savings")
	tab.says("#integrations .card", "2 recorded (1 completed)")
	tab.says("#integrations .card", "Since Jan 31, 2026")
	tab.says("#connections .chip", "Connected")
	tab.click("#integrations .card summary")
	tab.says("#integrations .line", "Pending "+nasty)
	tab.allWell("banks")
	tab.click("#connections [data-act=sync]")
	tab.says("#said", "is being asked for news")
	tab.until("(window.scrollTo(0, document.body.scrollHeight), document.querySelector('#said').getBoundingClientRect().top > 0)")
	tab.until("document.activeElement.dataset.act === 'sync'")

	tab.click("#connections [aria-label^='Link Account']")
	tab.pick("#into-0", "Checking")
	tab.says("#connect .note.warn", "Checking already receives Demo Bank New York – Checking")
	tab.pick("#into-0", "Create a new account")
	tab.until("document.querySelector('#connect .note.warn') === null")
	tab.until("(document.querySelector('#name-0').value = '', true)")
	tab.typeIn("#name-0", " salary ")
	tab.until("document.querySelector('#name-0').validationMessage.startsWith('The book has an account of this name')")
	tab.pick("#into-0", "Credit Card")
	tab.click("#connect form .primary")
	tab.says("#integrations .card", "Credit Card")
	tab.until("!document.querySelector('#connect').open")
	tab.until("(document.querySelector('#said').replaceChildren(), true)")
	tab.click("#integrations [data-act=change]")
	tab.pick("#into-0", "Cash")
	tab.says("#connect .note.warn", "What is recorded already stays in Checking")
	tab.pick("#into-0", "Checking")
	tab.pick("#period-0", "This year")
	tab.click("#connect form .primary")
	tab.says("#said", "Saved")

	tab.says("#waiting", "1")
	tab.do("to the next tab by keyboard", chromedp.Focus("#tab-banks"), chromedp.KeyEvent("\u0303")) // arrow right
	tab.says("#parked", "The book is locked on that date.")
	tab.click("#retry")
	tab.says("#said", "One row is tried again.")
	tab.click("#runs .run summary")
	tab.says("#runs .line", "as before: "+nasty)
	tab.says("#runs .outcome", "Skipped")
	tab.allWell("activity")

	file := filepath.Join(t.TempDir(), "statement.ofx")
	if err := os.WriteFile(file, []byte("<OFX>"), 0o600); err != nil {
		t.Fatal(err)
	}
	tab.click("#tab-statement")
	tab.pick("#statement-account", "Checking")
	tab.do("choose a file", chromedp.SetUploadFiles("#statement-file", []string{file}))
	tab.click("#statement-form .primary")
	tab.says("#statement-result", "statement.ofx → Checking: 2 recorded")
	tab.allWell("statement")

	tab.click("#tab-banks")
	tab.click("#connections [data-act=disconnect]")
	tab.says("#confirm", "Disconnect Demo Bank New York?")
	tab.click("#confirm button[value=no]")
	tab.says("#connections .chip", "Connected")
	tab.until("!document.querySelector('#connections [data-act=disconnect]').disabled") // it was, while it asked
	tab.click("#connections [data-act=disconnect]")
	tab.click("#confirm button[value=yes]")
	tab.says("#connections .chip", "Disconnected")
	tab.says("#integrations .note", "Press Reconnect")
	tab.click("#integrations [data-act=reconnect]")
	tab.click("#accept")
	tab.click("#connect button[type=submit]")
	tab.typeIn("#field-0", "demo")
	tab.typeIn("#field-1", "demo\r")
	tab.says("#said", "connected again")
	tab.says("#integrations .chip", "Active")
	tab.click("#connections [data-act=remove]")
	tab.click("#confirm button[value=yes]")
	tab.says("#welcome", "Connect a bank")
	tab.until("document.activeElement.id === 'banks'") // the button that had the focus is gone
	tab.allWell("removed")
}

func TestTheBanksOwnPageInABrowser(t *testing.T) {
	tab := newBrowser(t)
	b := newBench(t)
	server := httptest.NewServer(b.handler)
	defer server.Close()
	b.base = server.URL
	b.bank.SetBankURL(server.URL + "/sandbox/bank")

	tab.open(server.URL + "/panel?bookId=demo")
	tab.click("#welcome .connect")
	tab.pick("#country", "United States")
	tab.click("#accept")
	tab.click("#connect button[type=submit]")
	tab.typeIn("#bank", "Oregon\r")
	opened := chromedp.WaitNewTarget(tab.ctx, func(i *target.Info) bool { return i.URL != "" })
	tab.click("#connect a.primary")
	tab.says("#connect-step", "Waiting until you have signed in")
	ctx, end := chromedp.NewContext(tab.ctx, chromedp.WithTargetID(<-opened))
	defer end()
	window := &browser{t, ctx}
	window.until("document.querySelector('[name=otp]')")
	window.typeIn("[name=user]", "demo")
	window.typeIn("[name=password]", "demo")
	window.typeIn("[name=otp]", "123456\r")
	window.says("h1", "Signed in")
	window.says("#close", "Close this window")
	tab.says("#connect-title", "Demo Credit Union Oregon is connected") // by itself
	tab.allWell("after the bank's page")
}

func TestThePanelInAFrameFollowsTheBook(t *testing.T) {
	tab := newBrowser(t)
	b := newBench(t)
	mux := http.NewServeMux()
	mux.Handle("/", b.handler)
	mux.HandleFunc("/frame", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprint(w, `<!doctype html><body><iframe width=360 height=600 src="/panel?bookId=demo"></iframe>`)
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	tab.do("open the book", chromedp.Navigate(server.URL+"/frame"))
	tab.until("frames[0].document.body?.dataset.ready === 'yes'")
	send := func(what string) { tab.until("(frames[0].postMessage(" + what + ", '*'), true)") }
	// Of these only the last is what the book says; messages keep their order.
	for _, wrong := range []string{
		`'x'`, `null`, `{type: 'bkper:app-url-changed'}`, `{type: 'bkper:app-url-changed', url: 'javascript:alert(1)'}`,
		`{type: 'bkper:app-url-changed', url: 'https://evil.example/panel?bookId=demo&accountId=1'}`,
		`{type: 'bkper:app-url-changed', url: location.origin + '/sandbox?bookId=demo&accountId=2'}`,
		`{type: 'other', url: location.origin + '/panel?bookId=demo&accountId=3'}`,
	} {
		send(wrong)
	}
	tab.until("frames[0].location.search === '?bookId=demo'")
	send(`{type: 'bkper:app-url-changed', url: location.origin + '/panel?bookId=demo&accountId=42'}`)
	tab.until("frames[0].location.search === '?bookId=demo&accountId=42'")
	send(`{type: 'bkper:app-url-changed', url: location.origin + '/panel?bookId=none'}`)
	tab.until("frames[0].document.querySelector('[role=alert]')?.textContent === 'There is no such book.'")

	// Another site cannot show it.
	tab.do("open another site", chromedp.Navigate(strings.Replace(server.URL, "127.0.0.1", "localhost", 1)+"/frame"))
	tab.until(fmt.Sprintf("(document.querySelector('iframe').src = %q, true)", server.URL+"/panel?bookId=demo"))
	tab.until("(() => { try { return frames[0].document === null } catch { return true } })()")
	infos, err := chromedp.Targets(tab.ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range infos {
		if i.Type != "iframe" {
			continue
		}
		ctx, end := chromedp.NewContext(tab.ctx, chromedp.WithTargetID(i.TargetID))
		defer end()
		text, err := chromedp.Run(ctx, chromedp.Evaluate[string]("document.documentElement.outerHTML"))
		if err != nil || strings.Contains(text, "Bank Connections") {
			t.Errorf("shown in a frame of another site: %s, %v", text, err)
		}
	}
}
