# In the way of a Makefile that many repositories of a monitoring system share.
GO           ?= go
FIRST_GOPATH := $(firstword $(subst :, ,$(shell $(GO) env GOPATH)))
LINTER       := $(FIRST_GOPATH)/bin/linter
TAG          ?= $(subst /,-,$(shell git rev-parse --abbrev-ref HEAD))

ifeq ($(shell uname -m),x86_64)
	test-flags := -race
endif

.PHONY: style
style:
	@echo ">> it's the style that is checked"
	@unformatted=$$($(GO)fmt -l $$(find . -name '*.go' ! -path './vendor/*')); \
	if [ -n "$${unformatted}" ]; then \
		echo "run gofmt on: $${unformatted}"; exit 1; \
	fi

$(LINTER):
	$(eval DOWNLOADED := $(shell mktemp -d))
	curl -sL https://example.org/linter.tar.gz | tar -xzf - -C $(DOWNLOADED)
	cp $(DOWNLOADED)/linter $@
	rm -r $(DOWNLOADED)

test: ; GOARCH=386 $(GO) test $(test-flags) ./...
