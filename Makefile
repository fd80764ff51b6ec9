# What people type; each is one line into scripts/. `make demo` and `make test` need only Python and make.
.PHONY: demo test test-all check lint install run bench image clean

demo: install
	scripts/demo

test: install
	scripts/test

test-all: install
	scripts/test --all

check lint: install
	scripts/check

install:
	@scripts/install

HTTP = 127.0.0.1:7480
run: install
	@test -n "$(ROOT)" || { echo "usage: make run ROOT=DIR"; exit 2; }
	.venv/bin/simd serve --root "$(ROOT)" --http "$(HTTP)"

bench: install
	scripts/bench

image: install
	scripts/container-test

clean:
	rm -rf .venv .cache build dist
