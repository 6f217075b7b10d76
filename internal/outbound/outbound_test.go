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
		"http://192.168.1.1/", "http://100.64.0.1/", "http://[::ffff:127.0.0.1]/", "http://[fd00::1]/",
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
