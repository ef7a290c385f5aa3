package complete

import (
	"testing"

	"github.com/bank-connections/bkper-bot/internal/learn"
)

func TestTheLeastCertainOfEachSettingAreWorthALook(t *testing.T) {
	const usual = "an id that is not picked"
	for claim, c := range map[string]struct {
		reached, setting learn.Sureness
		want             string
	}{
		"sure at 98, not at 99, by default": {learn.Sure98, 0, "among the less certain ones"},
		"sure at 98, not at 99":             {learn.Sure98, learn.Sure98, "among the less certain ones"},
		"sure at 99":                        {learn.Sure99, learn.Sure98, ""},
		"sure at 95, not at 98":             {learn.Sure95, learn.Sure95, "among the less certain ones"},
		"sure at 98, where 95 will do":      {learn.Sure98, learn.Sure95, ""},
		"nothing is stricter than 99":       {learn.Sure99, learn.Sure99, ""},
	} {
		if got := lookAt(learn.Suggestion{Reached: c.reached}, c.setting, usual); got != c.want {
			t.Errorf("%s: %q", claim, got)
		}
	}
}
