package outbound_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"lockstep/internal/outbound"
)

func TestPrivateAddressesAreRefused(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	for _, address := range []string{
		server.URL, strings.Replace(server.URL, "127.0.0.1", "localhost", 1), "http://10.0.0.1/", "http://169.254.169.254/", "http://[::1]/", "http://0.0.0.0/",
		"http://192.168.1.1/", "http://0.1.2.3/", "http://[64:ff9b::7f00:1]/", "http://[2002:7f00:1::]/", "http://[fec0::1]/", "http://[::7f00:1]/", "http://[ff02::1]/", "http://100.64.0.1/", "http://[::ffff:127.0.0.1]/", "http://[fd00::1]/",
	} {
		response, err := outbound.Client(false, time.Second).Get(address)
		if err == nil {
			_ = response.Body.Close()
		}
		if !errors.Is(err, outbound.ErrPrivateAddress) {
			t.Errorf("%s: %v", address, err)
		}
	}
	response, err := outbound.Client(true, time.Second).Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
}

func TestTokensStayAtTheirOrigin(t *testing.T) {
	var leaked string
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { leaked = r.Header.Get("Authorization") }))
	defer other.Close()
	server := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer server.Close()
	request, err := http.NewRequest(http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer marker")
	response, err := outbound.Client(true, time.Second).Do(request)
	if err == nil {
		_ = response.Body.Close()
		t.Error("a redirect to another origin was followed")
	}
	if leaked != "" {
		t.Error("the token went elsewhere")
	}
}

// TestWritesStayWrites: a redirect that makes a GET of a POST would show a list where the new user is expected.
func TestWritesStayWrites(t *testing.T) {
	var asked []string
	mux := http.NewServeMux()
	mux.HandleFunc("/Users", func(rw http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.Path)
		status := http.StatusMovedPermanently
		if r.Method == http.MethodPatch {
			status = http.StatusPermanentRedirect
		}
		http.Redirect(rw, r, "/Users/", status)
	})
	mux.HandleFunc("/Users/", func(_ http.ResponseWriter, r *http.Request) { asked = append(asked, r.Method+" "+r.URL.Path) })
	server := httptest.NewServer(mux)
	defer server.Close()
	client := outbound.Client(true, time.Second)
	for method, follows := range map[string]bool{http.MethodPost: false, http.MethodGet: true, http.MethodPatch: true} {
		asked = nil
		request, err := http.NewRequest(method, server.URL+"/Users", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.Do(request)
		if err == nil {
			_ = response.Body.Close()
		}
		if follows != (err == nil) || !follows && !errors.Is(err, outbound.ErrRedirect) {
			t.Errorf("%s: %v, %v", method, asked, err)
		}
		if follows && (len(asked) != 2 || asked[1] != method+" /Users/") {
			t.Errorf("%s: %v", method, asked)
		}
	}
}

func TestRedirectsEnd(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		asked++
		http.Redirect(rw, r, "/again", http.StatusTemporaryRedirect)
	}))
	defer server.Close()
	response, err := outbound.Client(true, time.Second).Get(server.URL)
	if err == nil {
		_ = response.Body.Close()
	}
	if !errors.Is(err, outbound.ErrRedirect) || asked != 4 {
		t.Errorf("%d requests, %v", asked, err)
	}
}

// TestNoProxy: what the environment says about proxies does not matter.
func TestNoProxy(t *testing.T) {
	transport, ok := outbound.Client(true, time.Second).Transport.(*http.Transport)
	if !ok || transport.Proxy != nil {
		t.Error("a proxy is asked for")
	}
}
