/** Whether output goes to a terminal whose cursor can be moved: not to a pipe, nor to a dumb terminal. */
export function movesCursor({ isTTY }: { isTTY?: boolean }): boolean {
  return isTTY === true && process.env['TERM'] !== 'dumb'
}
