package storetest

import (
	"context"
	"errors"

	"github.com/bank-connections/bkper-bot/internal/store"
)

// Restless returns an engine that runs the function of each Update twice and
// keeps the second run only, as an engine may. Code that passes its tests on it
// is ready for that.
func Restless(e store.Engine) store.Engine { return restless{e} }

type restless struct{ store.Engine }

var errAgain = errors.New("once more")

func (r restless) Update(ctx context.Context, f func(store.Tx) error) error {
	err := r.Engine.Update(ctx, func(tx store.Tx) error {
		if err := f(tx); err != nil {
			return err
		}
		return errAgain
	})
	if !errors.Is(err, errAgain) {
		return err
	}
	return r.Engine.Update(ctx, f)
}
