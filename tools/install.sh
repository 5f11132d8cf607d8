#!/usr/bin/env bash
# Installs what building, testing and running need, from this machine's package registries. Says what it does; does
# nothing the second time.
set -euo pipefail
cd "$(dirname "$0")/.."
toolchain=build/toolchain
mkdir -p "$toolchain"

packages=(
  g++ make cmake ninja-build ccache pkg-config git
  libboost1.81-dev libboost-json1.81-dev libboost-url1.81-dev libfmt-dev libcli11-dev
  libssl-dev libsodium-dev libsecp256k1-dev nettle-dev libsqlite3-dev libseccomp-dev libre2-dev libyaml-cpp-dev libarchive-dev
  libmimalloc-dev
  prometheus-cpp-dev libgtest-dev libgmock-dev librapidcheck-dev
  clang-19 lld-19 wasi-libc libc++-19-dev-wasm32 libc++abi-19-dev-wasm32 libclang-rt-19-dev-wasm32)
case "${1:-}" in
  --lint) packages+=(clang-tidy-19 clang-format-19) ;;
  --fuzz) packages+=(libclang-rt-19-dev) ;;
  --evm) command -v npm > /dev/null || packages+=(nodejs npm) ;;
  --services)
    packages+=(postgresql-15)
    command -v npm > /dev/null || packages+=(nodejs npm) ;;
  "") ;;
  *) echo "usage: tools/install.sh [--lint|--fuzz|--evm|--services]" >&2; exit 2 ;;
esac

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  echo "==> installing ${#missing[@]} Debian packages: ${missing[*]}"
  sudo=""; [ "$(id -u)" = 0 ] || sudo=sudo
  $sudo apt-get update -qq
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" \
    > "$toolchain/apt.log" 2>&1 || { tail -20 "$toolchain/apt.log" >&2; exit 1; }
fi

# wasmtime: the shared library from its wheel, the headers from its crate. The wheel's hash is checked by pip, the
# crate's by cargo from tools/wasmtime-headers/Cargo.lock.
if [ ! -e "$toolchain/wasmtime/done-50.0.1" ]; then
  echo "==> installing wasmtime 50.0.1"
  work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
  pip download -q --no-deps --require-hashes --only-binary=:all: -d "$work" -r tools/wasmtime-requirements.txt
  python3 -m zipfile -e "$work"/wasmtime-50.0.1-*.whl "$work/wheel"
  cp -r tools/wasmtime-headers "$work/headers"
  (cd "$work/headers" && cargo vendor -q --locked "$work/vendor" > /dev/null)
  rm -rf "$toolchain/wasmtime"; mkdir -p "$toolchain/wasmtime/lib"
  cp "$work/wheel/wasmtime/linux-x86_64/_libwasmtime.so" "$toolchain/wasmtime/lib/libwasmtime.so"
  cp -r "$work/vendor/wasmtime-c-api-impl/include" "$toolchain/wasmtime/include"
  sed 's/#cmakedefine \(WASMTIME_FEATURE_[A-Z_0-9]*\).*/#define \1/' \
    "$toolchain/wasmtime/include/wasmtime/conf.h.in" > "$toolchain/wasmtime/include/wasmtime/conf.h"
  touch "$toolchain/wasmtime/done-50.0.1"
fi

# What contracts/ is compiled and tested with, and the Ethereum adapter: solc, forge, anvil and OpenZeppelin's contracts,
# from the package registry, with the versions and hashes of tools/evm/package-lock.json and without running any
# package's scripts.
if [ "${1:-}" = --evm ]; then
  lock=$(sha256sum tools/evm/package-lock.json | cut -c1-16)
  if [ ! -e "$toolchain/evm/done-$lock" ]; then
    echo "==> installing solc, forge, anvil"
    rm -rf "$toolchain/evm"; mkdir -p "$toolchain/evm"
    cp tools/evm/package.json tools/evm/package-lock.json "$toolchain/evm"
    (cd "$toolchain/evm" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error > npm.log 2>&1) \
      || { tail -20 "$toolchain/evm/npm.log" >&2; exit 1; }
    touch "$toolchain/evm/done-$lock"
  fi
  # geth, and the last geth that seals with clique (proof of authority): the Go tool checks both against the public
  # checksum database. -checklinkname=0: the older one reaches into Go's runtime as newer Go forbids.
  geth() {  # geth VERSION FOLDER LDFLAGS
    local mark="$2/done-$1"
    [ ! -e "$mark" ] || return 0
    if ! command -v go > /dev/null; then
      echo "    Go 1.24 or newer is not installed: no geth $1, and the tests over it are skipped"; return 0
    fi
    echo "==> installing geth $1"
    mkdir -p "$2"
    GOBIN=$(cd "$2" && pwd) go install -ldflags "$3" "github.com/ethereum/go-ethereum/cmd/geth@v$1" > "$2/install.log" 2>&1 \
      || { tail -20 "$2/install.log" >&2; exit 1; }
    touch "$mark"
  }
  geth 1.16.9 "$toolchain/geth" "-s -w"
  geth 1.13.15 "$toolchain/geth/clique" "-s -w -checklinkname=0"
fi

# The sample services (samples/services) and what they need: a database, which is started by hand where it is wanted, and
# packages with the versions and hashes of their package-lock.json, installed without running any package's scripts.
if [ "${1:-}" = --services ]; then
  lock=$(sha256sum samples/services/package-lock.json | cut -c1-16)
  if [ ! -e "$toolchain/services/done-$lock" ]; then
    echo "==> installing the sample services' packages"
    rm -rf "$toolchain/services"; mkdir -p "$toolchain/services"
    cp samples/services/package.json samples/services/package-lock.json "$toolchain/services"
    (cd "$toolchain/services" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error > npm.log 2>&1) \
      || { tail -20 "$toolchain/services/npm.log" >&2; exit 1; }
    touch "$toolchain/services/done-$lock"
  fi
  sources=$(find samples/services -name '*.ts' -o -name '*.json' | sort | xargs sha256sum | sha256sum | cut -c1-16)
  if [ ! -e "build/services/done-$sources" ]; then
    echo "==> compiling the sample services"
    rm -rf build/services; mkdir -p build/services
    cp -r samples/services/. build/services
    ln -s ../toolchain/services/node_modules build/services/node_modules
    build/services/node_modules/.bin/tsc -p build/services
    touch "build/services/done-$sources"
  fi
fi
