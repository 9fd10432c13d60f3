/** Tests that find more the longer they run: a few rounds in `npm test`, many in `npm run test:soak`. */

const IS_SOAK = process.env['TEST_SOAK'] === '1'

/** The number of rounds: what one run for each change needs, or what a night has time for. */
export function rounds({ quick, soak }: { quick: number; soak: number }): number {
  return IS_SOAK ? soak : quick
}
