// SPDX-License-Identifier: Apache-2.0
const { source } = require('axe-core')

// What axe finds serious or critical, in a few words each.
async function findings(page) {
  await page.evaluate(source)
  const { violations } = await page.evaluate(() => window.axe.run({ resultTypes: ['violations'] }))
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.target} ${node.failureSummary}`).join('; ')}`)
}

module.exports = { findings }
