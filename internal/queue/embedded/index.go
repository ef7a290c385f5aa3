package embedded

import (
	"container/heap"
	"time"
)

// index knows every waiting message, without its body, and which comes next.
// Messages of one key wait in one lane; a message without a key has a lane of
// its own. Only the head of a lane can be delivered, and while it is, the lane
// is away. Lanes take turns, so that one with many messages does not hold up
// the others.
type index struct {
	lanes map[string]*lane
	idle  laneHeap          // lanes that are not away
	byID  map[string]*entry // entries whose delivery has not begun
	turn  uint64
	count int
}

// entry is a waiting message.
type entry struct {
	place string
	row
}

type lane struct {
	name    string
	entries []*entry // in order of publishing
	due     time.Time
	turn    uint64
}

// taken is a lane that is away, and its head.
type taken struct {
	*entry
	lane *lane
}

func newIndex() index {
	return index{lanes: map[string]*lane{}, byID: map[string]*entry{}}
}

// add puts e at the end of its lane.
func (x *index) add(e *entry) {
	name := "key " + e.Key
	if e.Key == "" {
		name = "place " + e.place
	}
	l := x.lanes[name]
	if l == nil {
		l = &lane{name: name}
		x.lanes[name] = l
	}
	l.entries = append(l.entries, e)
	x.byID[e.ID] = e
	x.count++
	if len(l.entries) == 1 {
		x.queueUp(l, e.Due)
	}
}

// take returns the next message if it is due; its lane is away until putBack or
// done.
func (x *index) take(now time.Time) (taken, bool) {
	if len(x.idle) == 0 || x.idle[0].due.After(now) {
		return taken{}, false
	}
	l := heap.Pop(&x.idle).(*lane)
	t := taken{entry: l.entries[0], lane: l}
	if x.byID[t.ID] == t.entry {
		delete(x.byID, t.ID)
	}
	return t, true
}

// putBack returns a lane whose head is still to be delivered, not before due.
func (x *index) putBack(t taken, due time.Time) {
	if x.byID[t.ID] == nil {
		x.byID[t.ID] = t.entry
	}
	x.queueUp(t.lane, due)
}

// done returns a lane whose head no longer waits.
func (x *index) done(t taken, now time.Time) {
	l := t.lane
	l.entries[0] = nil
	l.entries = l.entries[1:]
	x.count--
	if len(l.entries) == 0 {
		delete(x.lanes, l.name)
		return
	}
	due := l.entries[0].Due
	if due.Before(now) {
		due = now
	}
	x.queueUp(l, due)
}

func (x *index) queueUp(l *lane, due time.Time) {
	x.turn++
	l.due, l.turn = due, x.turn
	heap.Push(&x.idle, l)
}

// next returns when the next head is due, zero if no lane is idle.
func (x *index) next() time.Time {
	if len(x.idle) == 0 {
		return time.Time{}
	}
	return x.idle[0].due
}

// oldest returns when the message that waits longest was published.
func (x *index) oldest() time.Time {
	var oldest time.Time
	for _, l := range x.lanes {
		if at := l.entries[0].Published; oldest.IsZero() || at.Before(oldest) {
			oldest = at
		}
	}
	return oldest
}

// laneHeap orders lanes by when they are due, then by turn.
type laneHeap []*lane

func (h laneHeap) Len() int { return len(h) }
func (h laneHeap) Less(i, j int) bool {
	if !h[i].due.Equal(h[j].due) {
		return h[i].due.Before(h[j].due)
	}
	return h[i].turn < h[j].turn
}
func (h laneHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *laneHeap) Push(l any)   { *h = append(*h, l.(*lane)) }
func (h *laneHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return last
}
