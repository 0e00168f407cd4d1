// SPDX-License-Identifier: Apache-2.0

// check.mjs FILE...: checks dashboards with board.ts. Each is compiled as a constant of that type, so that an
// unknown key, a missing one and a value of the wrong type are errors. Prints the errors; exit status 1.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const here = path.dirname(fileURLToPath(import.meta.url));
const options = { strict: true, noEmit: true, skipLibCheck: true, types: [], target: ts.ScriptTarget.ES2022,
	module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler };
// For each dashboard there is a source beside board.ts, in memory only.
const sources = new Map(process.argv.slice(2).map((file, i) => [path.join(here, `dashboard${i}.ts`), {
	file, text: `import type { Board } from './board';\nconst board: Board = ${fs.readFileSync(file, 'utf8')};\nexport default board;\n`,
}]));
const host = ts.createCompilerHost(options);
const { fileExists, readFile, getSourceFile } = host;
host.fileExists = (name) => sources.has(name) || fileExists(name);
host.readFile = (name) => sources.get(name)?.text ?? readFile(name);
host.getSourceFile = (name, ...more) => sources.has(name) ?
	ts.createSourceFile(name, sources.get(name).text, ts.ScriptTarget.ES2022) : getSourceFile(name, ...more);

const problems = ts.getPreEmitDiagnostics(ts.createProgram([...sources.keys()], options, host));
for (const p of problems) {
	const of = p.file && sources.get(p.file.fileName);
	// The dashboard begins on the source's second line.
	const line = p.file ? p.file.getLineAndCharacterOfPosition(p.start).line + (of ? 0 : 1) : 0;
	console.log(`${of ? path.basename(of.file) : p.file?.fileName}:${line}: ${ts.flattenDiagnosticMessageText(p.messageText, '\n    ')}`);
}
process.exit(problems.length || !sources.size ? 1 : 0);
