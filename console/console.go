// Package console serves the web console: a single-page application, built from web/ into dist/app and embedded. It holds no
// rules and knows no data: the pages use the REST API, with the session of whoever signed in.
package console

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/rand"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"sync"
)

//go:embed all:dist
var dist embed.FS

// Base is the path that all pages are below.
const Base = "/console/"

// nonceMark stands in the built page where each answer puts a nonce of its own.
const nonceMark = "__CSP_NONCE__"

// file is one file of the application as it is sent.
type file struct {
	raw        []byte
	kind       string
	compressed func() []byte // nil: not worth it
}

// handler serves the application below Base.
type handler struct {
	page      []byte // nil: not built
	missing   []byte
	files     map[string]file
	immutable string
}

// New makes the handler. It answers below Base, and sends the bare root there.
func New() (http.Handler, error) { return newHandler(dist) }

func newHandler(built fs.FS) (http.Handler, error) {
	h := &handler{files: map[string]file{}, immutable: "app/assets/"}
	missing, err := fs.ReadFile(built, "dist/placeholder.html")
	if err != nil {
		return nil, fmt.Errorf("read the placeholder page: %w", err)
	}
	h.missing = missing
	page, err := fs.ReadFile(built, "dist/app/index.html")
	if errors.Is(err, fs.ErrNotExist) {
		return h, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the console's page: %w", err)
	}
	h.page = page
	err = fs.WalkDir(built, "dist/app", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || name == "dist/app/index.html" {
			return err
		}
		raw, err := fs.ReadFile(built, name)
		if err != nil {
			return err
		}
		// The system's table of types may be missing, and an empty type with nosniff is none at all.
		f := file{raw: raw, kind: cmp.Or(mime.TypeByExtension(path.Ext(name)), "application/octet-stream")}
		if strings.HasPrefix(f.kind, "text/") || strings.Contains(f.kind, "javascript") || strings.Contains(f.kind, "svg") {
			f.compressed = sync.OnceValue(func() []byte { return compress(raw) })
		}
		h.files[strings.TrimPrefix(name, "dist/")] = f
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the console's files: %w", err)
	}
	return h, nil
}

func compress(raw []byte) []byte {
	var out bytes.Buffer
	w, _ := gzip.NewWriterLevel(&out, gzip.BestCompression) // the level is one
	_, _ = w.Write(raw)                                     // into memory
	_ = w.Close()
	return out.Bytes()
}

// ServeHTTP serves a file, or the page for every other path: the page itself knows what stands there, so links go deep.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("X-Frame-Options", "DENY")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		header.Set("Allow", "GET, HEAD")
		http.Error(w, "only GET", http.StatusMethodNotAllowed)
		return
	}
	rest, below := strings.CutPrefix(r.URL.Path, Base)
	if !below {
		http.Redirect(w, r, Base, http.StatusFound)
		return
	}
	name := "app/" + rest
	if f, ok := h.files[name]; ok {
		h.serve(w, r, name, f)
		return
	}
	if strings.HasPrefix(name, h.immutable) {
		header.Set("Cache-Control", "no-store")
		http.Error(w, "this file belongs to another version; load the page again", http.StatusNotFound)
		return
	}
	h.servePage(w)
}

func (h *handler) serve(w http.ResponseWriter, r *http.Request, name string, f file) {
	header := w.Header()
	header.Set("Content-Type", f.kind)
	header.Set("Cache-Control", "no-cache")
	if strings.HasPrefix(name, h.immutable) { // the name has a hash of the content in it
		header.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	raw := f.raw
	if f.compressed != nil {
		header.Set("Vary", "Accept-Encoding")
		if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			header.Set("Content-Encoding", "gzip")
			raw = f.compressed()
		}
	}
	_, _ = w.Write(raw)
}

func (h *handler) servePage(w http.ResponseWriter) {
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Cache-Control", "no-store")
	if h.page == nil {
		header.Set("Content-Security-Policy", policy("'none'", "'none'"))
		_, _ = w.Write(h.missing)
		return
	}
	raw := make([]byte, 16)
	_, _ = rand.Read(raw) // never fails
	nonce := base64.StdEncoding.EncodeToString(raw)
	header.Set("Content-Security-Policy", policy("'self'", "'self' 'nonce-"+nonce+"'"))
	_, _ = w.Write(bytes.ReplaceAll(h.page, []byte(nonceMark), []byte(nonce)))
}

// policy lets the page load only what this server sent. Styles that the component library makes at run time carry the nonce.
func policy(script, style string) string {
	return "default-src 'none'; script-src " + script + "; style-src " + style +
		"; img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
}
