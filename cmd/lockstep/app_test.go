package main

import "testing"

func TestExternalURL(t *testing.T) {
	for text, good := range map[string]bool{
		"": true, "https://lockstep.example.com": true, "https://lockstep.example.com/": true, "http://10.0.0.1:8020": true, "https://example.com/behind/a/proxy": true, "https://[2001:db8::1]:8443": true,
		"lockstep.example.com": false, "lockstep.example.com:8443": false, "HTTPS://lockstep.example.com": false, "ftp://lockstep.example.com": false,
		"https://a:b@lockstep.example.com": false, "https://": false, "https://x.example/?q": false, "https://x.example/#f": false,
	} {
		if err := checkExternalURL(text); (err == nil) != good {
			t.Errorf("%q: %v", text, err)
		}
	}
}
