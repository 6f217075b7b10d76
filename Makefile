# Lockstep. `make help` lists what there is.
.DEFAULT_GOAL := help
GO ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LINT_VERSION := v2.15.0
FUZZTIME ?= 30s
ARGS ?=

.PHONY: help run build console setup test check bench fuzz screenshots clean

help: ## Show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

run: ## Run the server, a simulated Slack workspace and a sample company; ARGS="--help" shows its flags
	-@sh console/web/build.sh
	$(GO) run ./cmd/lockstep demo $(ARGS)

build: ## Build ./lockstep, with the console where there is Node
	-@sh console/web/build.sh
	$(GO) build -trimpath -ldflags "-X main.version=$(VERSION)" -o lockstep ./cmd/lockstep

console: ## Build the web console; needs Node 20 or later
	@sh console/web/build.sh

setup: console ## Install what the tests need: a PostgreSQL server (they start their own throw-away one), Chromium, and emulate
	@sh internal/postgrestest/install.sh || { echo "The tests need a PostgreSQL server (initdb and postgres): install your system's package, then run this again." >&2; exit 1; }
	@sh console/e2e/install.sh || { echo "The console's tests need Chromium: install it, or say in CHROMIUM where it is, then run this again." >&2; exit 1; }
	@sh test/emulate/install.sh || { echo "The tests of Get token need Node 20 and npm: install them, then run this again." >&2; exit 1; }

# Some tests build the program themselves, which Go's test cache does not see: these are run every time.
BUILDING := ./cmd/lockstep/process ./console/e2e

test: setup ## Run all tests, on SQLite and on PostgreSQL, and PingOne's Go SDK against the program
	$(GO) test -timeout 60m $$($(GO) list ./... | grep -vxF "$$($(GO) list $(BUILDING))")
	LOCKSTEP_SCREENSHOTS=$(CURDIR)/screenshots $(GO) test -count=1 -timeout 60m $(BUILDING) # pictures of the console's pages are left there
	cd test/pingone-sdk && $(GO) test -count=1 -timeout 60m ./...

check: setup ## Formatting, vet, architecture, linters, race detector
	@bad=$$(gofmt -l .); test -z "$$bad" || { echo "not gofmt-ed; run gofmt -w on:"; echo "$$bad"; exit 1; }
	$(GO) vet ./...
	$(GO) test -count=1 .
	@if [ "v$$(golangci-lint version --short 2>/dev/null)" = "$(LINT_VERSION)" ]; then golangci-lint run ./...; \
	else $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION) run ./...; fi
	$(GO) test -race -count=1 -timeout 60m ./...

bench: ## Measure: the parts, then the whole program (ARGS="-big -write docs/performance.md" as the table in the docs)
	$(GO) test -run '^$$' -bench . -benchmem ./...
	$(GO) run ./bench $(ARGS)

fuzz: ## Fuzz every target for FUZZTIME (30s) each
	@grep -rlE '^func Fuzz' --include='*_test.go' . | xargs -r -n1 dirname | sort -u | while read -r pkg; do \
	  for target in $$(grep -hoE '^func Fuzz[A-Za-z0-9_]*' $$pkg/*_test.go | sed 's/func //'); do \
	    echo "== $$pkg $$target"; $(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) $$pkg || exit 1; \
	  done; done

screenshots: setup ## Make the README's pictures of the console again, from the sample company
	LOCKSTEP_SCREENSHOTS=$(CURDIR)/docs/images $(GO) test -count=1 ./console/e2e -run '^TestDemo$$'

clean: ## Remove what was built, and the demo's data
	rm -rf lockstep demo-data console/dist/app console/web/node_modules screenshots
