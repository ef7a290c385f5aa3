package queuetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/queue"
)

// Checks returns the suite.
func Checks() []Check {
	var all []Check
	for _, group := range [][]Check{deliveries(), failures(), orders(), deadLetters(), lasting()} {
		all = append(all, group...)
	}
	return all
}

func deliveries() []Check {
	return []Check{
		{"a message arrives as it was published", func(s *subject) {
			every := make([]byte, 256)
			for i := range every {
				every[i] = byte(i)
			}
			want := map[string]queue.Message{}
			for _, m := range []queue.Message{
				{ID: "plain", Kind: "sync", Body: []byte("text")},
				{ID: "bytes", Key: "some key", Kind: "record", Body: every},
				{ID: "nothing", Kind: "k"},
				{ID: "größer/日本 #1?", Key: "ключ", Kind: "k", Body: []byte("{}")},
				{ID: "full", Kind: "k", Body: bytes.Repeat([]byte("x"), queue.MaxBody)},
				{ID: strings.Repeat("i", queue.MaxID), Key: strings.Repeat("k", queue.MaxKey), Kind: strings.Repeat("d", queue.MaxKind)},
			} {
				want[m.ID] = m
			}
			for _, m := range want {
				s.must(s.queue.Publish(s.ctx, m))
			}
			var mu sync.Mutex
			got := map[string]queue.Message{}
			s.deliver(s.long(), func(_ context.Context, d queue.Delivery) error {
				mu.Lock()
				defer mu.Unlock()
				got[d.ID] = d.Message
				if age := time.Since(d.Published); d.Attempt < 1 || age < -s.unit || age > s.long() {
					s.Errorf("%q has attempt %d and was published %s ago", d.ID, d.Attempt, age)
				}
				return nil
			}, func() bool {
				mu.Lock()
				defer mu.Unlock()
				return len(got) == len(want)
			})
			for id, m := range want {
				g := got[id]
				if !bytes.Equal(g.Body, m.Body) || g.Key != m.Key || g.Kind != m.Kind {
					s.Errorf("message %.20q arrives with key %.20q, kind %.20q and %d bytes", id, g.Key, g.Kind, len(g.Body))
				}
			}
		}},
		{"a published body is not looked at again", func(s *subject) {
			body := []byte("abc")
			s.must(s.queue.Publish(s.ctx, queue.Message{ID: "a", Kind: "k", Body: body}))
			copy(body, "xyz")
			var l log
			s.deliver(s.long(), func(_ context.Context, d queue.Delivery) error {
				l.add("%s", d.Body)
				return nil
			}, func() bool { return len(l.all()) > 0 })
			if l.count("abc") == 0 {
				s.Errorf("bodies are %q, want abc", l.all())
			}
		}},
		{"what is done is done", func(s *subject) {
			if s.Limits.Redelivers {
				s.Skip("this queue may deliver again")
			}
			s.publish("a", "b-1", "b-2")
			var l log
			s.deliver(s.long(), l.work, l.holds("done a", "done b-1", "done b-2"))
			s.deliver(s.long(), l.work, func() bool { return true })
			if n := len(l.all()); n != 6 { // begin and done of each
				s.Errorf("more happened than one delivery of each: %q", l.all())
			}
		}},
		{"what is published while it runs is delivered soon", func(s *subject) {
			var l log
			stop := s.start(l.work)
			defer stop()
			time.Sleep(3 * s.unit)
			s.publish("a", "b-1")
			time.Sleep(2 * s.unit)
			if !l.holds("done a", "done b-1")() {
				s.Errorf("after a while: %q", l.all())
			}
		}},
		{"a handler may publish", func(s *subject) {
			s.publish("a-1")
			var l log
			s.deliver(s.long(), func(ctx context.Context, d queue.Delivery) error {
				if d.ID == "a-1" {
					if err := s.queue.Publish(ctx, messages("a-2", "b-1")...); err != nil {
						return err
					}
				}
				return l.work(ctx, d)
			}, l.holds("done a-1", "done a-2", "done b-1"))
		}},
		{"what is published during its own delivery is delivered after it", func(s *subject) {
			s.publish("bell")
			var l log
			s.deliver(s.long(), func(ctx context.Context, d queue.Delivery) error {
				l.add("begin")
				if len(l.all()) > 1 {
					return nil
				}
				return s.queue.Publish(ctx, messages("bell")...)
			}, func() bool { return l.count("begin") > 1 })
		}},
		{"a message that no queue takes is refused with all of its call", func(s *subject) {
			for name, m := range map[string]queue.Message{
				"no id":     {Kind: "k"},
				"long id":   {ID: strings.Repeat("i", queue.MaxID+1), Kind: "k"},
				"long key":  {ID: "i", Key: strings.Repeat("i", queue.MaxKey+1), Kind: "k"},
				"no kind":   {ID: "i"},
				"long kind": {ID: "i", Kind: strings.Repeat("i", queue.MaxKind+1)},
				"long body": {ID: "i", Kind: "k", Body: make([]byte, queue.MaxBody+1)},
			} {
				if err := s.queue.Publish(s.ctx, messages("good")[0], m); !errors.Is(err, queue.ErrBadMessage) {
					s.Errorf("%s: %v, want %v", name, err, queue.ErrBadMessage)
				}
			}
			var l log
			s.deliver(s.long(), l.work, func() bool { return true })
			if len(l.all()) > 0 {
				s.Errorf("refused, and yet: %q", l.all())
			}
		}},
		{"to publish nothing is no error", func(s *subject) {
			s.must(s.queue.Publish(s.ctx))
		}},
		{"many large messages are published in one call", func(s *subject) {
			const n = 60
			var all []queue.Message
			for i := range n {
				all = append(all, queue.Message{ID: fmt.Sprint(i), Key: "k", Kind: "k", Body: make([]byte, 200_000)})
			}
			s.must(s.queue.Publish(s.ctx, all...))
			var l log
			s.deliver(20*s.long(), func(_ context.Context, d queue.Delivery) error {
				if len(d.Body) == 200_000 {
					l.add("done %s", d.ID)
				}
				return nil
			}, func() bool { return len(l.done("")) == n })
			for i, id := range l.done("") {
				if id != fmt.Sprint(i) {
					s.Fatalf("message %d is %s", i, id)
				}
			}
		}},
		{"many publishers at once lose nothing", func(s *subject) {
			const publishers, each = 6, 10
			var all sync.WaitGroup
			var want []string
			for p := range publishers {
				for i := range each {
					want = append(want, fmt.Sprintf("done p%d-%d", p, i))
				}
				all.Go(func() {
					for i := range each {
						if err := s.queue.Publish(s.ctx, messages(fmt.Sprintf("p%d-%d", p, i))...); err != nil {
							s.Error(err)
						}
					}
				})
			}
			var l log
			s.deliver(s.long(), l.work, l.holds(want...))
			all.Wait()
		}},
		{"Run ends with its context, after its handlers", func(s *subject) {
			s.publish("a")
			var l log
			stop := s.start(func(ctx context.Context, _ queue.Delivery) error {
				l.add("begin")
				<-ctx.Done()
				time.Sleep(s.unit)
				l.add("end")
				return ctx.Err()
			})
			time.Sleep(2 * s.unit)
			stop()
			if l.count("begin") == 0 || l.count("begin") != l.count("end") {
				s.Errorf("when Run has ended: %q", l.all())
			}
			s.deliver(s.long(), l.work, l.holds("done a"))
		}},
	}
}

func failures() []Check {
	return []Check{
		{"what failed is delivered again, with its attempts counted", func(s *subject) {
			s.publish("a-1", "b")
			var l log
			s.deliver(s.long(), func(_ context.Context, d queue.Delivery) error {
				l.add("%s#%d %s", d.ID, d.Attempt, d.Body)
				if d.Attempt < 3 {
					return errors.New("not yet")
				}
				return nil
			}, l.holds("a-1#3 body of a-1", "b#3 body of b"))
			for _, line := range []string{"a-1#1 body of a-1", "a-1#2 body of a-1", "b#1 body of b", "b#2 body of b"} {
				if l.count(line) == 0 {
					s.Errorf("no delivery %q in %q", line, l.all())
				}
			}
		}},
		{"a panic of a handler is a failure of one message", func(s *subject) {
			s.publish("a-1", "b-1")
			var l log
			s.deliver(s.long(), func(ctx context.Context, d queue.Delivery) error {
				if d.ID == "a-1" && d.Attempt == 1 {
					panic("ouch")
				}
				return l.work(ctx, d)
			}, l.holds("done a-1", "done b-1"))
		}},
		{"a delivery has a deadline", func(s *subject) {
			s.publish("a")
			var l log
			s.deliver(10*s.policy.Deadline, func(ctx context.Context, d queue.Delivery) error {
				begin := time.Now()
				if d.Attempt == 1 {
					<-ctx.Done()
					if took := time.Since(begin); took > s.policy.Deadline+s.unit {
						s.Errorf("the deadline came after %s", took)
					}
					l.add("late")
					return ctx.Err()
				}
				return l.work(ctx, d)
			}, l.holds("late", "done a"))
		}},
		{"waits grow and are not longer than they may be", func(s *subject) {
			s.publish("a")
			var mu sync.Mutex
			var at []time.Time
			s.deliver(s.long(), func(context.Context, queue.Delivery) error {
				mu.Lock()
				defer mu.Unlock()
				at = append(at, time.Now())
				if len(at) < s.policy.MaxAttempts {
					return errors.New("not yet")
				}
				return nil
			}, func() bool {
				mu.Lock()
				defer mu.Unlock()
				return len(at) == s.policy.MaxAttempts
			})
			ceiling := s.policy.MinBackoff
			for i := 1; i < len(at); i++ {
				if wait := at[i].Sub(at[i-1]); wait > ceiling+s.unit/10 {
					s.Errorf("wait %d is %s, at most %s are allowed", i, wait, ceiling)
				}
				ceiling = min(2*ceiling, s.policy.MaxBackoff)
			}
		}},
		{"an error may ask for a wait", func(s *subject) {
			asked := 10 * s.unit // longer than the policy waits by itself
			s.publish("a")
			var l log
			var begin, again time.Time
			s.deliver(s.long(), func(_ context.Context, d queue.Delivery) error {
				if d.Attempt > 1 {
					again = time.Now()
					l.add("done")
					return nil
				}
				begin = time.Now()
				return fmt.Errorf("fetch: %w", &errs.Error{Code: errs.RateLimited, After: asked})
			}, l.holds("done"))
			if wait := again.Sub(begin); wait < asked {
				s.Errorf("delivered again after %s, the error asked for %s", wait, asked)
			}
		}},
		{"an error may not ask for ever", func(s *subject) {
			s.publish("a")
			var l log
			s.deliver(s.policy.MaxAsked+s.long(), func(_ context.Context, d queue.Delivery) error {
				if d.Attempt > 1 {
					l.add("done")
					return nil
				}
				return &errs.Error{Code: errs.RateLimited, After: 1_000_000 * s.unit}
			}, l.holds("done"))
		}},
	}
}

func orders() []Check {
	return []Check{
		{"a key is delivered in order, one at a time", func(s *subject) {
			const keys, each = 3, 8
			var ids []string
			for i := range each {
				for k := range keys {
					ids = append(ids, fmt.Sprintf("key%d-%d", k, i))
				}
			}
			s.publish(ids...)
			var l log
			var mu sync.Mutex
			busy := map[string]bool{}
			overlaps := false
			s.deliver(20*s.long(), func(ctx context.Context, d queue.Delivery) error {
				mu.Lock()
				if busy[d.Key] {
					s.Errorf("%s is delivered beside another of its key", d.ID)
				}
				for _, other := range busy {
					overlaps = overlaps || other
				}
				busy[d.Key] = true
				mu.Unlock()
				time.Sleep(s.unit / 4)
				mu.Lock()
				busy[d.Key] = false
				mu.Unlock()
				if d.Attempt == 1 && strings.HasSuffix(d.ID, "-3") {
					return errors.New("not yet")
				}
				return l.work(ctx, d)
			}, func() bool { return len(l.done("")) == keys*each })
			for k := range keys {
				var want []string
				for i := range each {
					want = append(want, fmt.Sprintf("key%d-%d", k, i))
				}
				if diff := cmp.Diff(want, l.done(fmt.Sprintf("key%d-", k))); diff != "" {
					s.Errorf("order of a key (-want +got):\n%s", diff)
				}
			}
			if !overlaps {
				s.Error("different keys wait for each other")
			}
		}},
		{"messages without a key do not wait for each other", func(s *subject) {
			s.publish("stuck", "free")
			var l log
			release := make(chan struct{})
			stop := s.start(func(ctx context.Context, d queue.Delivery) error {
				if d.ID == "stuck" {
					<-release
				}
				return l.work(ctx, d)
			})
			defer stop()
			defer close(release)
			time.Sleep(2 * s.unit)
			if l.count("done free") == 0 {
				s.Errorf("while one is stuck: %q", l.all())
			}
		}},
		{"a failing message blocks its own key and no other", func(s *subject) {
			s.publish("a-1", "a-2")
			var l log
			stop := s.start(func(ctx context.Context, d queue.Delivery) error {
				if d.ID == "a-1" && l.count("failed") == 0 {
					l.add("failed")
					return &errs.Error{Code: errs.Unavailable, After: 10 * s.unit}
				}
				return l.work(ctx, d)
			})
			defer stop()
			time.Sleep(2 * s.unit)
			s.publish("b-1", "free")
			time.Sleep(4 * s.unit)
			if !l.holds("failed", "done b-1", "done free")() || len(l.done("a-")) > 0 {
				s.Errorf("while the first of a key waits: %q", l.all())
			}
			time.Sleep(s.long())
			if got := l.done("a-"); !cmp.Equal(got, []string{"a-1", "a-2"}) {
				s.Errorf("after its waiting the key is delivered as %q", got)
			}
		}},
		{"one with many messages does not hold up one with few", func(s *subject) {
			var many []string
			for i := range 40 {
				for k := range 12 { // more keys than deliveries at a time
					many = append(many, fmt.Sprintf("many%d-%d", k, i))
				}
			}
			s.publish(many...)
			s.publish("few-1")
			var l log
			s.deliver(20*s.long(), func(ctx context.Context, d queue.Delivery) error {
				time.Sleep(s.unit / 20)
				return l.work(ctx, d)
			}, l.holds("done few-1"))
			if n := slices.Index(l.done(""), "few-1"); n > 100 {
				s.Errorf("the one message came after %d others", n)
			}
		}},
	}
}

func deadLetters() []Check {
	secret := "token-4711"
	fail := func(ctx context.Context, l *log, d queue.Delivery) error {
		l.add("try %s", d.ID)
		if strings.HasPrefix(d.ID, "bad") {
			return errs.Wrap(errs.Locked, errors.New(secret), "The book is locked.")
		}
		return l.work(ctx, d)
	}
	die := func(s *subject, ids ...string) *log {
		s.Helper()
		var l log
		s.deliver(20*s.long(), func(ctx context.Context, d queue.Delivery) error { return fail(ctx, &l, d) }, func() bool {
			dead, err := s.queue.Dead(s.ctx, 0)
			s.must(err)
			return len(dead) == len(ids)
		})
		return &l
	}
	return []Check{
		{"what never succeeds becomes a dead letter that says why", func(s *subject) {
			s.publish("bad-1")
			l := die(s, "bad-1")
			if n := l.count("try bad-1"); n != s.policy.MaxAttempts {
				s.Errorf("it was tried %d times, want %d", n, s.policy.MaxAttempts)
			}
			dead, err := s.queue.Dead(s.ctx, 10)
			s.must(err)
			if len(dead) != 1 {
				s.Fatalf("dead letters: %+v", dead)
			}
			d := dead[0]
			if d.ID != "bad-1" || d.Key != "bad" || d.Kind != "test" || d.Size != len("body of bad-1") || d.Attempts != s.policy.MaxAttempts {
				s.Errorf("dead letter is %+v", d)
			}
			if d.Code != errs.Locked || d.Reason != "The book is locked." || d.Died.Before(d.Published) {
				s.Errorf("dead letter says %q, %q, published %s, died %s", d.Code, d.Reason, d.Published, d.Died)
			}
			if strings.Contains(fmt.Sprintf("%+v", d), secret) {
				s.Errorf("dead letter tells the cause: %+v", d)
			}
		}},
		{"behind a dead letter its key goes on", func(s *subject) {
			s.publish("bad-1", "bad-2")
			var l log
			s.deliver(20*s.long(), func(ctx context.Context, d queue.Delivery) error {
				if d.ID == "bad-1" {
					l.add("try bad-1")
					return errors.New("never")
				}
				return l.work(ctx, d)
			}, l.holds("done bad-2"))
			if l.count("try bad-1") != s.policy.MaxAttempts && !s.Limits.OrderEndsWithDeadLetters {
				s.Errorf("the next was delivered before the first was dead: %q", l.all())
			}
		}},
		{"a replayed dead letter is delivered from its first attempt", func(s *subject) {
			s.publish("bad-1")
			die(s, "bad-1")
			s.must(s.queue.Replay(s.ctx, "bad-1"))
			var l log
			s.deliver(s.long(), func(_ context.Context, d queue.Delivery) error {
				l.add("%s#%d %s", d.ID, d.Attempt, d.Body)
				return nil
			}, l.holds("bad-1#1 body of bad-1"))
			s.noDead()
			if err := s.queue.Replay(s.ctx, "bad-1"); !errs.Is(err, errs.NotFound) {
				s.Errorf("Replay of what is not dead = %v, want %s", err, errs.NotFound)
			}
		}},
		{"a replayed dead letter may die again", func(s *subject) {
			s.publish("bad-1")
			die(s, "bad-1")
			s.must(s.queue.Replay(s.ctx, "bad-1"))
			s.noDead()
			l := die(s, "bad-1")
			if n := l.count("try bad-1"); n != s.policy.MaxAttempts {
				s.Errorf("it was tried %d times, want %d", n, s.policy.MaxAttempts)
			}
		}},
		{"a discarded dead letter is gone", func(s *subject) {
			s.publish("bad-1", "bad2-1")
			die(s, "bad-1", "bad2-1")
			s.must(s.queue.Discard(s.ctx, "bad-1"))
			dead, err := s.queue.Dead(s.ctx, 0)
			s.must(err)
			if len(dead) != 1 || dead[0].ID != "bad2-1" {
				s.Errorf("dead letters left: %+v", dead)
			}
			if err := s.queue.Discard(s.ctx, "bad-1"); !errs.Is(err, errs.NotFound) {
				s.Errorf("second Discard = %v, want %s", err, errs.NotFound)
			}
			var l log
			s.deliver(s.long(), l.work, func() bool { return true })
			if n := len(l.all()); n > 0 {
				s.Errorf("delivered: %q", l.all())
			}
		}},
		{"what died and is published again is delivered", func(s *subject) {
			s.publish("bad-1")
			die(s, "bad-1")
			s.publish("bad-1")
			var l log
			s.deliver(s.long(), l.work, l.holds("done bad-1"))
		}},
		{"the newest dead letters come first", func(s *subject) {
			s.publish("bad-1")
			die(s, "bad-1")
			s.publish("bad0-1", "bad3-1")
			die(s, "bad-1", "bad0-1", "bad3-1")
			for _, limit := range []int{0, 2, 9} {
				dead, err := s.queue.Dead(s.ctx, limit)
				s.must(err)
				want := 3
				if limit == 2 {
					want = 2
				}
				if len(dead) != want || dead[0].ID == "bad-1" || dead[1].ID == "bad-1" {
					s.Errorf("Dead(%d) = %+v", limit, dead)
				}
			}
		}},
	}
}

func lasting() []Check {
	return []Check{
		{"what was published outlives the process, in order", func(s *subject) {
			s.publish("a-1", "b")
			s.publish("a-2")
			s.reopen()
			s.publish("a-3")
			s.reopen()
			var l log
			s.deliver(s.long(), l.work, l.holds("done a-1", "done a-2", "done a-3", "done b"))
			if diff := cmp.Diff([]string{"a-1", "a-2", "a-3"}, l.done("a-")); diff != "" {
				s.Errorf("order after reopening (-want +got):\n%s", diff)
			}
		}},
		{"what a handler had not finished is delivered again", func(s *subject) {
			if s.Reopen == nil {
				s.Skip("this queue cannot lose its process")
			}
			s.publish("a-1")
			inside, leave := make(chan struct{}, 1), make(chan struct{})
			stop := s.start(func(context.Context, queue.Delivery) error {
				inside <- struct{}{}
				<-leave
				return nil
			})
			defer stop()
			defer close(leave) // before stop
			select {
			case <-inside:
			case <-time.After(s.long()):
				s.Fatal("nothing is delivered")
			}
			s.reopen() // the process is killed now; what the first queue does later is not seen
			var l log
			s.deliver(s.long(), l.work, l.holds("done a-1"))
		}},
		{"what is done stays done after reopening", func(s *subject) {
			if s.Limits.Redelivers {
				s.Skip("this queue may deliver again")
			}
			s.publish("a-1", "a-2")
			var l log
			s.deliver(s.long(), l.work, l.holds("done a-1", "done a-2"))
			s.reopen()
			before := len(l.all())
			s.deliver(s.long(), l.work, func() bool { return true })
			if n := len(l.all()); n != before {
				s.Errorf("delivered again after reopening: %q", l.all()[before:])
			}
		}},
		{"attempts and dead letters outlive the process", func(s *subject) {
			s.publish("a-1")
			var l log
			fail := func(_ context.Context, d queue.Delivery) error {
				l.add("#%d", d.Attempt)
				return errors.New("never")
			}
			s.deliver(s.long(), fail, l.holds("#2"))
			s.reopen()
			s.deliver(20*s.long(), fail, l.holds(fmt.Sprintf("#%d", s.policy.MaxAttempts)))
			if n := l.count("#1"); n != 1 {
				s.Errorf("%d first attempts: %q", n, l.all())
			}
			s.reopen()
			dead, err := s.queue.Dead(s.ctx, 0)
			s.must(err)
			if len(dead) != 1 || dead[0].ID != "a-1" {
				s.Fatalf("dead letters after reopening: %+v", dead)
			}
			s.publish("a-2") // must not take the place of the dead one
			s.must(s.queue.Replay(s.ctx, "a-1"))
			s.reopen()
			var bodies log
			s.deliver(s.long(), func(_ context.Context, d queue.Delivery) error {
				bodies.add("%s", d.Body)
				return nil
			}, bodies.holds("body of a-1", "body of a-2"))
		}},
	}
}

// work is a handler that notes its beginning and its end and succeeds.
func (l *log) work(_ context.Context, d queue.Delivery) error {
	l.add("begin %s", d.ID)
	l.add("done %s", d.ID)
	return nil
}

// done returns the ids with that prefix that work has done, each once, in the
// order of their first time.
func (l *log) done(prefix string) []string {
	var ids []string
	for _, line := range l.all() {
		id, ok := strings.CutPrefix(line, "done ")
		if ok && strings.HasPrefix(id, prefix) && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

func (s *subject) noDead() {
	s.Helper()
	if dead, err := s.queue.Dead(s.ctx, 0); err != nil || len(dead) > 0 {
		s.Errorf("Dead = %+v, %v; want none", dead, err)
	}
}
