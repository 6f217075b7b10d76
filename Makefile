# Lockstep. `make help` lists what there is.
.DEFAULT_GOAL := help
GO ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LINT_VERSION := v2.15.0
FUZZTIME ?= 30s

.PHONY: help run build setup test check bench fuzz clean

help: ## Show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

run: ## Run the server, a simulated Slack workspace and a sample company
	$(GO) run ./cmd/lockstep demo $(ARGS)

build: ## Build ./lockstep
	$(GO) build -trimpath -ldflags "-X main.version=$(VERSION)" -o lockstep ./cmd/lockstep

setup: ## Install what the tests need: a PostgreSQL server (they start their own throw-away one)
	@sh internal/postgrestest/install.sh

test: setup ## Run all tests
	$(GO) test -timeout 20m ./...

check: setup ## Formatting, vet, linters, architecture, race detector
	@test -z "$$(gofmt -l .)" || { echo "not gofmt-ed:"; gofmt -l .; exit 1; }
	$(GO) vet ./...
	@v=$$(golangci-lint version --short 2>/dev/null); if [ "v$$v" = "$(LINT_VERSION)" ]; then golangci-lint run ./...; \
	else $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION) run ./...; fi
	$(GO) test -race -timeout 30m ./...

bench: ## Measure
	$(GO) test -run '^$$' -bench . -benchmem ./...

fuzz: ## Fuzz every target for FUZZTIME (30s)
	@for pkg in $$(grep -rl '^func Fuzz' --include='*_test.go' . | xargs -n1 dirname | sort -u); do \
	  for target in $$(grep -ho '^func Fuzz[A-Za-z]*' $$pkg/*_test.go | sed 's/func //'); do \
	    echo "== $$pkg $$target"; $(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) $$pkg || exit 1; \
	  done; done

clean: ## Remove what was built
	rm -f lockstep
