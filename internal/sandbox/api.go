package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// The largest request bodies. Files come as base64 in JSON.
const (
	maxBody     = 10 << 20
	maxFileBody = 30 << 20
)

// call is one request of a known user.
type call struct {
	r     *http.Request
	user  *user
	agent string // header bkper-agent-id
}

func (c *call) path(name string) string { return c.r.PathValue(name) }

func (c *call) param(name string) string { return c.r.URL.Query().Get(name) }

func (c *call) flag(name string) bool {
	on, err := strconv.ParseBool(c.param(name))
	return err == nil && on
}

// limit returns the parameter limit, or usual, and at most most.
func (c *call) limit(usual, most int) (int, error) {
	text := c.param("limit")
	if text == "" {
		return usual, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, badRequest("Invalid limit: %.20s", text)
	}
	return min(n, most), nil
}

// nothing is the body of requests that have none, and of answers without one.
type nothing struct{}

// userRead answers a request that is about no book and changes nothing.
func userRead(s *Server, answer func(*call) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.reply(w, r, func() (any, error) {
			c, err := s.authenticate(r)
			if err != nil {
				return nil, err
			}
			s.mu.RLock()
			defer s.mu.RUnlock()
			return answer(c)
		})
	}
}

// bookRead answers a request about a book that changes nothing.
func bookRead(s *Server, need ability, answer func(*book, *call) (any, error)) http.HandlerFunc {
	return userRead(s, func(c *call) (any, error) {
		b, err := s.bookFor(c, need)
		if err != nil {
			return nil, err
		}
		return answer(b, c)
	})
}

// userWrite answers a request that changes something outside of a book.
func userWrite[T any](s *Server, answer func(*change, *call, T) (any, error)) http.HandlerFunc {
	return write(s, func(*call) (*book, error) { return nil, nil }, answer)
}

// bookWrite answers a request that changes something in a book.
func bookWrite[T any](s *Server, need ability, answer func(*change, *call, T) (any, error)) http.HandlerFunc {
	return write(s, func(c *call) (*book, error) { return s.bookFor(c, need) }, answer)
}

func write[T any](s *Server, find func(*call) (*book, error), answer func(*change, *call, T) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.reply(w, r, func() (any, error) {
			c, err := s.authenticate(r)
			if err != nil {
				return nil, err
			}
			var body T
			if err := readBody(w, r, &body); err != nil {
				return nil, err
			}
			s.write.Lock()
			defer s.write.Unlock()
			b, err := find(c)
			if err != nil {
				return nil, err
			}
			change := s.begin(b, c.user, c.agent)
			result, err := answer(change, c, body)
			if err != nil {
				return nil, err
			}
			return result, change.commit()
		})
	}
}

func (s *Server) authenticate(r *http.Request) (*call, error) {
	token, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	u := s.users[strings.TrimSpace(token)]
	if !found || u == nil {
		return nil, forbidden("Login Required.")
	}
	return &call{r: r, user: u, agent: r.Header.Get("bkper-agent-id")}, nil
}

func (s *Server) bookFor(c *call, need ability) (*book, error) {
	b, err := s.bookByID(c.path("book"))
	if err != nil {
		return nil, err
	}
	return b, b.require(c.user, need)
}

func (s *Server) bookByID(id string) (*book, error) {
	b := s.books[id]
	if b == nil || b.info.Deleted {
		return nil, notFound("Book", id)
	}
	return b, nil
}

func readBody(w http.ResponseWriter, r *http.Request, into any) error {
	if _, none := into.(*nothing); none {
		return nil
	}
	limit := int64(maxBody)
	if strings.HasSuffix(strings.TrimSuffix(r.URL.Path, "/"), "/files") {
		limit = maxFileBody
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if err != nil {
		if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
			return &apiError{http.StatusRequestEntityTooLarge, "uploadTooLarge", "Request is too large."}
		}
		return badRequest("Cannot read the request")
	}
	if err := json.Unmarshal(data, into); err != nil {
		return badRequest("Parse Error: %.200s", err.Error())
	}
	return nil
}

func (s *Server) reply(w http.ResponseWriter, r *http.Request, work func() (any, error)) {
	result, err := work()
	if err != nil {
		answer, internal := asAPIError(err)
		if internal {
			s.opts.Log.ErrorContext(r.Context(), "sandbox request failed", "method", r.Method, "path", r.URL.Path, "error", err)
		}
		s.send(w, r, answer.status, answer.envelope())
		return
	}
	if _, none := result.(nothing); none {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	s.send(w, r, http.StatusOK, result)
}

func (s *Server) send(w http.ResponseWriter, r *http.Request, status int, body any) {
	var buffer bytes.Buffer
	if err := json.NewEncoder(&buffer).Encode(body); err != nil {
		s.opts.Log.ErrorContext(r.Context(), "sandbox answer cannot be written as JSON", "path", r.URL.Path, "error", err)
		http.Error(w, "Internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// A client that has gone needs no answer.
	_, _ = w.Write(buffer.Bytes())
}

// routes is the table of all that the API answers.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	on := func(pattern string, handler http.HandlerFunc) {
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" /v5"+path, handler)
	}
	s.userRoutes(on)
	s.bookRoutes(on)
	s.accountRoutes(on)
	s.groupRoutes(on)
	s.transactionRoutes(on)
	s.fileRoutes(on)
	s.eventRoutes(on)
	s.integrationRoutes(on)
	s.collaboratorRoutes(on)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.Handler(r); pattern == "" {
			s.send(w, r, http.StatusNotFound, (&apiError{http.StatusNotFound, "notFound", "Not Found"}).envelope())
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// routeTable takes a pattern without the leading /v5 and its handler.
type routeTable func(pattern string, handler http.HandlerFunc)
