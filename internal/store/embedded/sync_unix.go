//go:build !windows

package embedded

import (
	"errors"
	"os"
)

// syncDir makes the name of a new file in dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
