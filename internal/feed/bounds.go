package feed

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/bank-connections/bkper-bot/internal/bank"
)

// What the feed takes over of a row, in bytes. No bank is known to say more.
const (
	longestID   = 100
	longestText = 2000
	longestName = 300
)

// within returns a row whose texts keep to the bounds. A longer id is replaced
// by its hash: it only has to tell rows apart.
func within(t bank.Transaction) bank.Transaction {
	t.ID, t.PendingID = shortID(t.ID), shortID(t.PendingID)
	t.Description = clip(t.Description, longestText)
	t.Counterparty.Name = clip(t.Counterparty.Name, longestName)
	t.Counterparty.Account = clip(t.Counterparty.Account, longestName)
	t.Category, t.Kind = clip(t.Category, longestName), clip(t.Kind, longestName)
	return t
}

func shortID(id string) string {
	if len(id) <= longestID {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return "long_" + hex.EncodeToString(sum[:])
}

func clip(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}

// packFrom is the size from which the body of a message is compressed: a day
// with thousands of rows would not fit otherwise.
const packFrom = 100_000

// packed writes the body of a message.
func packed(body any) ([]byte, error) {
	data, err := json.Marshal(body)
	if err != nil || len(data) < packFrom {
		return data, err
	}
	var small bytes.Buffer
	w := gzip.NewWriter(&small)
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return small.Bytes(), nil
}

// largestBody bounds what a compressed body may hold.
const largestBody = 64 << 20

// unpack reads the body of a message.
func unpack(data []byte, into any) error {
	if !bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
		return json.Unmarshal(data, into)
	}
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return err
	}
	text, err := io.ReadAll(io.LimitReader(r, largestBody))
	if err != nil {
		return fmt.Errorf("unpacking: %w", err)
	}
	return json.Unmarshal(text, into)
}
