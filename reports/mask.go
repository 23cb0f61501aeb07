package reports

import (
	"bytes"
	"encoding/json"
	"io"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync"
)

// masked stands where a secret was. It does not tell the secret's length.
const masked = "***"

// shortestSecret is the length in bytes below which a secret is not masked: it would black out ordinary words, and the
// places where it did would spell it.
const shortestSecret = 6

// NewMasker returns a writer that passes on to w what is written to it with every secret replaced by "***", also where
// a secret spans several writes, and also in its percent-encoded and quoted forms, as connection strings and error
// messages have it. Secrets shorter than 6 bytes are ignored. What could be the beginning of a secret is held back
// until it is known; Close writes out the rest and does not close w. Safe for concurrent use.
func NewMasker(w io.Writer, secrets []string) io.WriteCloser {
	return &masker{w: w, secrets: spellings(secrets)}
}

// MaskString returns s with every secret replaced as [NewMasker] does.
func MaskString(s string, secrets []string) string {
	m := &masker{secrets: spellings(secrets), held: []byte(s)}
	return string(m.release(true))
}

// MaskRecord replaces every secret in every text of the record, in place.
func MaskRecord(r *Record, secrets []string) {
	if all := spellings(secrets); r != nil && len(all) > 0 {
		maskValue(reflect.ValueOf(r).Elem(), func(s string) string {
			m := &masker{secrets: all, held: []byte(s)}
			return string(m.release(true))
		})
	}
}

type masker struct {
	mu      sync.Mutex
	w       io.Writer
	secrets [][]byte
	held    []byte
}

var _ io.WriteCloser = (*masker)(nil)

func (m *masker) Write(p []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.held = append(m.held, p...)
	return len(p), m.pass(false)
}

func (m *masker) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.pass(true)
}

func (m *masker) pass(all bool) error {
	out := m.release(all)
	if len(out) == 0 {
		return nil
	}
	_, err := m.w.Write(out)
	return err
}

// release masks what is held as far as it is known to be free of beginnings of secrets, or all of it.
func (m *masker) release(all bool) []byte {
	var out []byte
	at := 0
	for at < len(m.held) {
		end, open := m.cover(at)
		if open && !all {
			break
		}
		if end > at {
			out = append(out, masked...)
			at = end
			continue
		}
		out = append(out, m.held[at])
		at++
	}
	m.held = slices.Clone(m.held[at:])
	return out
}

// cover returns where the secrets that begin at a place end, those that overlap them included, and whether bytes to
// come could change that.
func (m *masker) cover(at int) (end int, open bool) {
	end = at
	for from := at; from == at || from < end; from++ {
		rest := m.held[from:]
		for _, s := range m.secrets {
			switch {
			case bytes.HasPrefix(rest, s):
				end = max(end, from+len(s))
			case len(rest) < len(s) && bytes.HasPrefix(s, rest):
				open = true
			}
		}
	}
	return end, open
}

// spellings returns the secrets that are long enough, in every form in which they are commonly printed.
func spellings(secrets []string) [][]byte {
	seen := make(map[string]bool)
	var all [][]byte
	for _, s := range secrets {
		if len(s) < shortestSecret {
			continue
		}
		forms := []string{s, url.QueryEscape(s), url.PathEscape(s), url.UserPassword("", s).String()[1:]}
		if quoted, err := json.Marshal(s); err == nil {
			forms = append(forms, strings.Trim(string(quoted), `"`))
		}
		for _, form := range forms {
			if len(form) >= shortestSecret && !seen[form] {
				seen[form] = true
				all = append(all, []byte(form))
			}
		}
	}
	return all
}

// maskValue walks a record. Maps are rebuilt, because their values cannot be set in place.
func maskValue(v reflect.Value, mask func(string) string) {
	switch v.Kind() {
	case reflect.String:
		if v.CanSet() {
			v.SetString(mask(v.String()))
		}
	case reflect.Pointer:
		if !v.IsNil() {
			maskValue(v.Elem(), mask)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			maskValue(v.Field(i), mask)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			maskValue(v.Index(i), mask)
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			key, value := reflect.New(k.Type()).Elem(), reflect.New(v.Type().Elem()).Elem()
			key.Set(k)
			value.Set(v.MapIndex(k))
			maskValue(key, mask)
			maskValue(value, mask)
			v.SetMapIndex(k, reflect.Value{})
			v.SetMapIndex(key, value)
		}
	}
}
