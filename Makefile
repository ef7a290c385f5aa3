.PHONY: run test mutants check lint fuzz bench

GO_PACKAGES ?= ./...
FUZZ_SECONDS ?= 30

run: ## start everything on this machine
	go run ./bot

test:
	go test -race -shuffle=on $(GO_PACKAGES)

mutants: ## break the feed in every way that internal/feed/MUTANTS.md lists
	go test -run='^TestMutantsAreCaught$$' -timeout=40m ./internal/feed -feed.mutants

check: ## all that the project asks of a change
	bash .ci/run

lint:
	bash .ci/run lint

fuzz: ## each fuzz target for FUZZ_SECONDS
	bash .ci/run fuzz $(FUZZ_SECONDS)

bench:
	go test -run='^$$' -bench=. -benchmem $(GO_PACKAGES)
