#!/usr/bin/env node
// solc as forge calls a native one (--version, --standard-json on standard input), carried out by the pinned npm package
// that tools/install.sh --evm installs. forge puts every source into its request, so nothing else is read here.
import { createRequire } from "node:module";
import { readFileSync, writeSync } from "node:fs";

const solc = createRequire(new URL("../../build/toolchain/evm/package.json", import.meta.url))("solc");
const [first, ...rest] = process.argv.slice(2);

function print(text) {
  const bytes = Buffer.from(text + "\n");
  for (let done = 0; done < bytes.length; ) {
    try {
      done += writeSync(1, bytes, done);
    } catch (error) {
      if (error.code !== "EAGAIN") throw error; // a pipe that is full for the moment
    }
  }
}

if (first === "--version") {
  print(`solc, the solidity compiler commandline interface\nVersion: ${solc.version()}`);
} else if ([first, ...rest].includes("--standard-json")) {
  print(solc.compile(readFileSync(0, "utf8")));
} else {
  console.error("usage: solc.mjs --version | --standard-json < request");
  process.exit(2);
}
