// Makes duologue.js, the one module that is shipped, and duologue.d.ts out of src/: `npm run build`.
// The parts are put one behind the other, without their imports and comments. Needs TypeScript for the types alone.
// With a folder as argument the files are written there: so the tests see whether the shipped ones are current.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const PARTS = "types errors clock emitter storage http link outbox timeline lobby conversation duologue".split(" ");
const SHOWN = ["DuologueError", "Conversation", "Duologue"];
const HIDDEN = /^export type (Deferred|Entry|Kept|Way)\b/gm; // types that nobody else meets
const HEAD = "// Duologue's client; MIT licence. Made from clients/js/src by build.mjs: change it there.\n";

const here = fileURLToPath(new URL(".", import.meta.url));
const tsc = process.env.TSC ?? join(here, "../../tests/clients/node_modules/.bin/tsc");

/** A part without what ties it to the others: imports, and exports of what is nobody else's business. */
function part(name) {
  return readFileSync(join(here, "src", `${name}.js`), "utf8")
    .replace(/^import .*;\n/gm, "")
    .replace(/^\/\*\* @import .* \*\/\n/gm, "")
    .replace(/^export \{\};\n/gm, "")
    .replace(/^export (class|const|function) (\w+)/gm, (line, kind, word) => (SHOWN.includes(word) ? line : `${kind} ${word}`));
}

/** Without comments that have lines of their own, and those behind a statement; strings of ours hold no `// `. */
function bare(source) {
  return source
    .replace(/^ *\/\*\*[^]*?\*\/\n/gm, "")
    .replace(/\/\*\*.*?\*\/ ?/g, "")
    .replace(/ *\/\/ .*$/gm, "")
    .replace(/\n{2,}/g, "\n");
}

const source = PARTS.map(part).join("\n");
const folder = mkdtempSync(join(tmpdir(), "duologue-"));
try {
  writeFileSync(join(folder, "duologue.js"), source);
  const options = "--allowJs --checkJs --strict --declaration --emitDeclarationOnly --stripInternal --ignoreConfig --target es2022 --module nodenext";
  const args = [...options.split(" "), "--lib", "es2023,dom,dom.iterable", "--types", "", join(folder, "duologue.js")];
  execFileSync(tsc, args, { stdio: "inherit" });
  const target = process.argv[2] ?? here;
  const types = readFileSync(join(folder, "duologue.d.ts"), "utf8").replace(HIDDEN, "type $1");
  writeFileSync(join(target, "duologue.d.ts"), HEAD + types);
  writeFileSync(join(target, "duologue.js"), HEAD + bare(source));
} finally {
  rmSync(folder, { recursive: true });
}
