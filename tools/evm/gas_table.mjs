// gas_table.mjs SNAPSHOTS PAGE [--check]: writes the kept gas figures into the page, between its two marks, or compares.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";

const [snapshots, page, mode] = process.argv.slice(2);
const begin = "<!-- gas: written by tools/contracts.sh update -->\n";
const end = "<!-- /gas -->\n";

const rows = readdirSync(snapshots)
  .sort()
  .flatMap((file) => {
    const group = basename(file, ".json");
    const figures = JSON.parse(readFileSync(join(snapshots, file), "utf8"));
    return Object.entries(figures).map(([name, gas]) => `| ${group} | ${name} | ${Number(gas).toLocaleString("en-US")} |\n`);
  });
const table = "| | call | gas |\n|---|---|---|\n" + rows.join("");
const text = readFileSync(page, "utf8");
const [before, rest] = text.split(begin);
if (rest === undefined || !rest.includes(end)) throw new Error(`${page} lacks the marks around the gas figures`);
const fresh = before + begin + table + rest.slice(rest.indexOf(end));
if (mode === "--check" && fresh !== text) {
  console.error(`the gas figures in ${page} are not the kept ones\nrun tools/contracts.sh update`);
  process.exit(1);
}
if (mode !== "--check") writeFileSync(page, fresh);
