package demo

import (
	"html/template"
	"net/http"
	"net/url"
)

// Pages returns the redirecting banks' own site: the sign-in page at /signin
// below the bank's URL, whose path the caller strips. The page refuses frames,
// as banks do, and sends the person back to the return URL with "code" added to
// its query, or with "error" if they cancel.
func (c *Connector) Pages() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /signin", c.signIn)
	mux.HandleFunc("POST /signin", c.signedIn)
	mux.HandleFunc("GET /style.css", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/css; charset=utf-8")
		_, _ = w.Write([]byte(style)) // the reader is gone
	})
	return mux
}

// visit is a person's way in, as the page's address tells it.
type visit struct {
	Institution *institution
	ID, Name    string
	Logo        template.URL
	Request     string
	Return      string
	Problem     string
}

func (c *Connector) visit(w http.ResponseWriter, r *http.Request) (visit, bool) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	v := visit{Request: r.FormValue("request"), Return: r.FormValue("return"), Institution: findInstitution(r.FormValue("institution"))}
	if v.Institution == nil || v.Institution.wayIn != byRedirect || v.Request == "" || !c.mayReturn(v.Return) {
		http.Error(w, "This address is not complete. Start again in the app.", http.StatusBadRequest)
		return visit{}, false
	}
	v.ID, v.Name = v.Institution.id, v.Institution.name
	v.Logo = template.URL(v.Institution.logo()) //nolint:gosec // made here
	return v, true
}

func (c *Connector) signIn(w http.ResponseWriter, r *http.Request) {
	if v, ok := c.visit(w, r); ok {
		v.show(w, http.StatusOK)
	}
}

func (c *Connector) signedIn(w http.ResponseWriter, r *http.Request) {
	v, ok := c.visit(w, r)
	if !ok {
		return
	}
	back, err := url.Parse(v.Return)
	if err != nil {
		http.Error(w, "This address is not complete. Start again in the app.", http.StatusBadRequest)
		return
	}
	query := back.Query()
	switch {
	case r.PostFormValue("cancel") != "":
		query.Set("error", "access_denied")
	case r.PostFormValue("user") != user || r.PostFormValue("password") != password:
		v.Problem = "The user or the password is wrong. Look for extra spaces, capital letters and punctuation."
	case r.PostFormValue("otp") != oneTime:
		v.Problem = "The one-time code is wrong. It has six digits."
	default:
		query.Set("code", c.grant(v.Institution, v.Request, c.deps.Now()))
	}
	if v.Problem != "" {
		v.show(w, http.StatusUnprocessableEntity)
		return
	}
	back.RawQuery = query.Encode()
	http.Redirect(w, r, back.String(), http.StatusSeeOther)
}

func (v visit) show(w http.ResponseWriter, status int) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	// No form-action: a browser applies it to the way back as well, and that
	// may lead to this machine under another name.
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'")
	w.WriteHeader(status)
	_ = signInPage.Execute(w, v) // the reader is gone
}

var signInPage = template.Must(template.New("signin").Parse(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Name}}: sign in</title>
<link rel="stylesheet" href="style.css">
</head>
<body>
<main>
<h1><img src="{{.Logo}}" alt="" width="48" height="48"> {{.Name}}</h1>
<p>Bank Connections asks to read your accounts and their transactions. It cannot move money.</p>
{{with .Problem}}<p class="problem" role="alert">{{.}}</p>{{end}}
<form method="post" action="signin">
<input type="hidden" name="institution" value="{{.ID}}">
<input type="hidden" name="request" value="{{.Request}}">
<input type="hidden" name="return" value="{{.Return}}">
<label>User <input name="user" autocomplete="off" autofocus></label>
<label>Password <input name="password" type="password" autocomplete="off"></label>
<label>One-time code <input name="otp" inputmode="numeric" autocomplete="one-time-code" maxlength="6"></label>
<p class="hint">This bank is made up: user <b>demo</b>, password <b>demo</b>, one-time code <b>123456</b>.</p>
<p><button>Allow</button> <button name="cancel" value="1" class="quiet">Cancel</button></p>
</form>
</main>
</body>
</html>
`))

const style = `:root { color-scheme: light dark; }
body { margin: 0; font: 16px/1.5 system-ui, sans-serif; background: Canvas; color: CanvasText; }
main { max-width: 26rem; margin: 8vh auto; padding: 0 1rem; }
h1 { display: flex; align-items: center; gap: .75rem; font-size: 1.35rem; }
label { display: block; margin: .75rem 0; font-weight: 600; }
input { display: block; box-sizing: border-box; width: 100%; padding: .6rem; margin-top: .25rem; font: inherit; border: 1px solid GrayText; border-radius: .4rem; }
button { padding: .6rem 1.4rem; font: inherit; font-weight: 600; border: 1px solid #1c4e9c; border-radius: .4rem; background: #1c4e9c; color: #fff; cursor: pointer; }
button.quiet { background: transparent; color: inherit; border-color: GrayText; }
.hint { opacity: .75; font-size: .9rem; }
.problem { padding: .6rem .8rem; border-left: 4px solid #c92a2a; background: rgb(201 42 42 / .12); }
`
