package seal

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// ErrOpen is wrapped by every error of Open: what was given is not what was
// sealed, or was sealed for another context or with a key that is not here.
var ErrOpen = errors.New("cannot be unsealed")

// Sealer makes secrets fit to lie at rest.
type Sealer interface {
	// Seal returns plain so that only Open with the same context returns it.
	// The context says what it is and whose, and is not kept: a sealed text
	// moved elsewhere does not open there. It must not be empty.
	Seal(ctx context.Context, plain []byte, context string) ([]byte, error)
	// Open returns what was sealed. Its errors wrap ErrOpen.
	Open(ctx context.Context, sealed []byte, context string) ([]byte, error)
}

const (
	version   = 1
	keySize   = 32
	idSize    = 8
	nonceSize = 12
	headSize  = 1 + idSize + nonceSize

	keyFileTitle   = "# Keys of Bank Connections. The last one seals, all of them open."
	largestKeyFile = 64 << 10
)

type keyID [idSize]byte

// KeyFile seals with AES-256-GCM and keys from a file. What it seals is a
// version byte, the id of the key, a nonce, and the ciphertext; all of it is
// authenticated together with the context.
type KeyFile struct {
	keys map[keyID]cipher.AEAD
	last keyID
	rand io.Reader
}

var _ Sealer = (*KeyFile)(nil)

// OpenKeyFile reads the keys at path, and creates the file with one new key if
// there is none; it is safe to do so from several processes at once. A file
// that others than its owner may read or write is refused. To rotate, append a
// line made of a new id (16 hex digits) and a new key (32 bytes, base64);
// remove the old line when nothing sealed with it is left.
//
// The randomness must be fit for keys and nonces, and for concurrent use:
// crypto/rand.Reader is.
func OpenKeyFile(path string, rand io.Reader) (*KeyFile, error) {
	text, err := readKeyFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err = createKeyFile(path, rand); err == nil {
			text, err = readKeyFile(path)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	k := &KeyFile{keys: map[keyID]cipher.AEAD{}, rand: rand}
	if err := k.parse(text); err != nil {
		return nil, fmt.Errorf("key file %s: %w", path, err)
	}
	return k, nil
}

func readKeyFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	switch {
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a file", path)
	case info.Size() > largestKeyFile:
		return nil, fmt.Errorf("%s is too large to hold keys", path)
	case info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows":
		return nil, fmt.Errorf("%s may be read by others (mode %04o); run: chmod 600 %s", path, info.Mode().Perm(), path)
	}
	return io.ReadAll(io.LimitReader(f, largestKeyFile))
}

// createKeyFile writes a whole file beside the path and links it there, which
// fails if another process was faster; its file is as good.
func createKeyFile(path string, rand io.Reader) error {
	secret := make([]byte, idSize+keySize)
	if _, err := io.ReadFull(rand, secret); err != nil {
		return fmt.Errorf("making a key: %w", err)
	}
	text := fmt.Sprintf("%s\n%x %s\n", keyFileTitle, secret[:idSize], base64.StdEncoding.EncodeToString(secret[idSize:]))
	f, err := os.CreateTemp(filepath.Dir(path), ".key-*") // of mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.WriteString(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes a new name last. What was sealed with a key that a power cut
// took away would be lost.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (k *KeyFile) parse(text []byte) error {
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if len(fields) != 2 {
			return fmt.Errorf("line %d is not an id and a key", number)
		}
		id, err := hex.DecodeString(fields[0])
		if err != nil || len(id) != idSize {
			return fmt.Errorf("line %d does not start with an id of %d hex digits", number, 2*idSize)
		}
		key, err := base64.StdEncoding.DecodeString(fields[1])
		if err != nil || len(key) != keySize {
			return fmt.Errorf("line %d has no key of %d bytes in base64", number, keySize)
		}
		block, err := aes.NewCipher(key)
		if err != nil {
			return err
		}
		aead, err := cipher.NewGCM(block)
		if err != nil {
			return err
		}
		if k.keys[keyID(id)] != nil {
			return fmt.Errorf("line %d has the id of another key", number)
		}
		k.keys[keyID(id)], k.last = aead, keyID(id)
	}
	if len(k.keys) == 0 {
		return errors.New("it holds no key")
	}
	return nil
}

// Seal implements Sealer.
func (k *KeyFile) Seal(_ context.Context, plain []byte, context string) ([]byte, error) {
	if context == "" {
		return nil, errors.New("sealing: the context is empty")
	}
	sealed := make([]byte, headSize, headSize+len(plain)+k.keys[k.last].Overhead())
	sealed[0] = version
	copy(sealed[1:], k.last[:])
	nonce := sealed[1+idSize:]
	if _, err := io.ReadFull(k.rand, nonce); err != nil {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	return k.keys[k.last].Seal(sealed, nonce, plain, associated(sealed, context)), nil
}

// Open implements Sealer.
func (k *KeyFile) Open(_ context.Context, sealed []byte, context string) ([]byte, error) {
	if len(sealed) < headSize || sealed[0] != version || context == "" {
		return nil, fmt.Errorf("%w: it was not sealed here, or its context is missing", ErrOpen)
	}
	head, rest := sealed[:headSize], sealed[headSize:]
	id := keyID(head[1 : 1+idSize])
	aead := k.keys[id]
	if aead == nil {
		return nil, fmt.Errorf("%w: the key %x is not in the key file", ErrOpen, id)
	}
	plain, err := aead.Open(nil, head[1+idSize:], rest, associated(head, context))
	if err != nil {
		return nil, fmt.Errorf("%w: it was changed, or sealed for another context", ErrOpen)
	}
	return plain, nil
}

// associated is what is authenticated beside the ciphertext: the version and
// the key id, then the context.
func associated(head []byte, context string) []byte {
	return append(bytes.Clone(head[:1+idSize]), context...)
}
