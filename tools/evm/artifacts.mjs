// artifacts.mjs OUT KEPT [--check]: takes ABI and bytecode of each deployable contract from forge's output folder and
// writes them to the kept folder, or compares. What was tested is what is kept: both come from the same compilation.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const contracts = {
  ReceiptVerifier: "contracts/ReceiptVerifier.sol",
  RootAnchor: "contracts/RootAnchor.sol",
  Escrow: "contracts/Escrow.sol",
  BridgedToken: "contracts/BridgedToken.sol",
  BindingRegistry: "contracts/BindingRegistry.sol",
  CashToken: "contracts/sample/CashToken.sol",
  SettlementEscrow: "contracts/sample/SettlementEscrow.sol",
};
const [out, kept, mode] = process.argv.slice(2);

function artifact(name, source) {
  const built = JSON.parse(readFileSync(join(out, `${name}.sol`, `${name}.json`), "utf8"));
  const { compiler, settings } = built.metadata;
  const content = {
    contract: name,
    source,
    compiler: `solc ${compiler.version}`,
    evm: settings.evmVersion,
    optimizer_runs: settings.optimizer.runs,
    abi: built.abi,
    selectors: built.methodIdentifiers,
    bytecode: built.bytecode.object,
    deployed_bytecode: built.deployedBytecode.object,
  };
  if (/__\$/.test(content.bytecode)) throw new Error(`${name} needs linking, which no one here does`);
  return JSON.stringify(content, null, 1) + "\n";
}

let differ = [];
mkdirSync(kept, { recursive: true });
for (const [name, source] of Object.entries(contracts)) {
  const path = join(kept, `${name}.json`);
  const content = artifact(name, source);
  if (mode !== "--check") writeFileSync(path, content);
  else if (!existsSync(path) || readFileSync(path, "utf8") !== content) differ.push(path);
}
differ = differ.concat(readdirSync(kept).filter((file) => !(file.replace(/\.json$/, "") in contracts)));
if (differ.length > 0) {
  console.error(`not what the sources compile to: ${differ.join(", ")}\nrun tools/contracts.sh update`);
  process.exit(1);
}
console.log(`artifacts: ${Object.keys(contracts).length} ${mode === "--check" ? "are what the sources compile to" : "written"}`);
