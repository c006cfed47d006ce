# proxy.cgi: see README.md. `make help` lists the targets.

# A default upstream to link in: make build UPSTREAM=6543
UPSTREAM ?=
# The addresses of the demo: make run APP=127.0.0.1:7000 LISTEN=127.0.0.1:8081
APP      ?= 127.0.0.1:6543
LISTEN   ?= 127.0.0.1:8080
# An app of scripts/examples to show: make run EXAMPLE=flask
EXAMPLE  ?=
FUZZTIME ?= 1m
OUT      ?= proxy.cgi
# The folder of a site: make install UPSTREAM=6543 DIR=/home/me/public_html
DIR      ?=

# Programs with libraries of their own, none of which gets into proxy.cgi.
MODULES  = $(patsubst %/go.mod,%,$(wildcard scripts/*/go.mod))

TAGS     = nethttpomithttp2,netgo,osusergo
LDFLAGS  = -s -w $(if $(UPSTREAM),-X proxy.cgi/cgiproxy/settings.bakedUpstream=$(UPSTREAM))
GOBUILD  = CGO_ENABLED=0 go build -trimpath -tags $(TAGS) -ldflags '$(LDFLAGS)'

.PHONY: build
build: ## build ./proxy.cgi, static; UPSTREAM=6543 links in a default
	@$(GOBUILD) -o $(OUT) .

.PHONY: install
install: build ## put it into a site's folder: make install UPSTREAM=6543 DIR=public_html
	./$(OUT) install $(site)

.PHONY: uninstall
uninstall: build ## take it out of there: make uninstall DIR=public_html
	./$(OUT) install --uninstall $(site)

site = $(if $(DIR),'$(DIR)',$(error which folder? Say DIR=))

.PHONY: run
run: build ## show the demo page on http://127.0.0.1:8080 until Ctrl-C; EXAMPLE=flask that app
	@go build -o .demo ./scripts/demo && exec ./.demo $(if $(EXAMPLE),-example '$(EXAMPLE)',-app $(APP)) -listen $(LISTEN) ./proxy.cgi

.PHONY: run-ondemand
run-ondemand: build ## the same, where nothing listens until the page is asked for
	@go build -o .demo ./scripts/demo && exec ./.demo -ondemand -listen $(LISTEN) ./proxy.cgi

.PHONY: test
test: ## install what the tests need, run all tests
	@scripts/webservers
	go test -count=1 -timeout 25m -parallel 4 ./... # what the tests build is not in go test's cache
	@for module in $(MODULES); do \
		echo "go test ./... in $$module"; (cd $$module && go test -count=1 -timeout 15m -parallel 4 ./...) || exit; \
	done

.PHONY: deploy
deploy: build ## build ./proxycgi-deploy, which uploads proxy.cgi and an app
	@cd scripts/deploy && CGO_ENABLED=0 go build -trimpath -o ../../proxycgi-deploy .

.PHONY: race
race: ## run the tests that need no web server, nor start programs, with the race detector
	CGO_ENABLED=1 go test -race -count=1 $$(go list ./cgiproxy/... | grep -Ev '/(e2e|ondemand)')

.PHONY: soak
soak: build ## 20,000 requests over FastCGI while the app restarts
	go test -count=1 -timeout 20m ./cgiproxy/e2e -run TestSoak -soak 20000

.PHONY: bench
bench: ## measure against what one would use instead (about six minutes)
	go run ./scripts/bench

.PHONY: lint
lint: ## gofmt, go vet, go mod tidy, staticcheck, shellcheck, mandoc
	@scripts/lint

.PHONY: fuzz
fuzz: ## fuzz each target for FUZZTIME=1m
	@scripts/fuzz $(FUZZTIME)

.PHONY: release
release: ## build dist/ from the commit, an archive for each system
	@scripts/release

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14
