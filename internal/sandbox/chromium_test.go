package sandbox_test

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// TestThePagesInABrowser holds what only a browser can show: the keyboard, a
// dropped file, news that come in by themselves, and that the content policy
// lets all of it through.
func TestThePagesInABrowser(t *testing.T) {
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("there is no Chromium")
		}
		t.Skip("there is no Chromium")
	}
	b := newBrowser(t, newBench(t, nil))
	b.create(draft("w1", "ZEBRA ONE"))
	b.create(draft("w2", "ZEBRA TWO"))

	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium), chromedp.NoSandbox, chromedp.WindowSize(1280, 900))
	allocated, stop := chromedp.NewExecAllocator(context.Background(), options...)
	defer stop()
	ctx, end := chromedp.NewContext(allocated, chromedp.WithLogf(func(string, ...any) {}))
	defer end()
	ctx, cancel := context.WithTimeout(ctx, 50*time.Second)
	defer cancel()
	do := func(steps ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		if err := chromedp.Do(ctx, steps...); err != nil {
			t.Fatal(err)
		}
	}
	is := func(expression string) func() bool {
		return func() bool {
			yes, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("Boolean("+expression+")"))
			return err == nil && yes
		}
	}
	do(chromedp.Navigate("about:blank"))
	err = chromedp.Listen(ctx, func(event any) {
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			t.Errorf("the page threw %s", e.ExceptionDetails.Text)
		case *log.EventEntryAdded:
			t.Errorf("the browser says %s: %s", e.Entry.Level, e.Entry.Text)
		}
	})
	if err != nil {
		t.Fatal(err)
	}

	do(chromedp.Navigate(b.site + "/sandbox"))
	eventually(t, "the first draft waits for an account", is(`document.activeElement.matches('[data-first]')`))
	do(chromedp.SendKeys(`[data-first]`, "Gifts\r"))
	eventually(t, "typing an account and Enter posts the draft", func() bool { return len(b.find("zebra is:posted to:Gifts")) == 1 })
	eventually(t, "the next draft waits", is(`document.activeElement.matches('[data-first]') && document.querySelectorAll('.row').length === 1`))

	if !is(`(() => {
		const data = new DataTransfer();
		data.items.add(new File(['OFX'], 'march.ofx'));
		const savings = [...document.querySelectorAll('[data-account]')].find((item) => item.textContent.includes('Savings'));
		return savings.dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true })) === false;
	})()`)() {
		t.Fatal("the drop was not taken")
	}
	eventually(t, "the dropped file is in the book", func() bool {
		files := items(b.ok("GET", "/v5/books/demo/files", nil))
		return len(files) == 1 && files[0]["name"] == "march.ofx" && files[0]["properties"].(object)["account_id"] == b.accountID("Savings")
	})

	b.create(draft("w3", "ZEBRA THREE"))
	eventually(t, "a new draft shows by itself", is(`document.body.innerText.includes('ZEBRA THREE')`))
	do(chromedp.SendKeys(`[data-first]`, "Gif"))
	b.create(draft("w4", "ZEBRA FOUR"))
	eventually(t, "but not while somebody types", is(`!document.querySelector('[data-fresh]').hidden && document.querySelector('[data-first]').value === 'Gif'`))
}
