// SPDX-License-Identifier: Apache-2.0
// build.mjs MODULES OUT: makes the page in OUT, index.html and assets/ with names that change with their content.
import { readFile, rm, writeFile, mkdir } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'

const here = import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname)
const [modules, out] = process.argv.slice(2).map((place) => path.resolve(place))
const { build } = createRequire(path.join(modules, 'package.json'))('esbuild')

await rm(out, { recursive: true, force: true })
await mkdir(out, { recursive: true })
const { metafile } = await build({
  absWorkingDir: here,
  entryPoints: ['main.ts', 'style.css', 'icon.svg'],
  loader: { '.svg': 'copy' },
  nodePaths: [path.join(modules, 'node_modules')],
  outdir: path.join(out, 'assets'),
  entryNames: '[name]-[hash]',
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  metafile: true,
  logLevel: 'warning'
})
let page = await readFile(path.join(here, 'index.html'), 'utf8')
for (const [file, { entryPoint }] of Object.entries(metafile.outputs)) {
  page = page.replace(`"${entryPoint}"`, `"assets/${path.basename(file)}"`)
}
await writeFile(path.join(out, 'index.html'), page)
