/** Draws the page's icons from src/web/public/favicon.svg, with Debian's Chromium. Run it when the SVG changes. */
import { readFileSync, writeFileSync } from 'node:fs'
import { chromium } from 'playwright-core'

const FOLDER = 'src/web/public'
const GROUND = '#0d5c5e'
const svg = readFileSync(`${FOLDER}/favicon.svg`, 'utf8').trim()
/** Where the system cuts the corners itself, the ground goes to the edge and the picture stays inside. */
const square = svg.replace('rx="8" ', '').replace('viewBox="0 0 32 32"', 'viewBox="-3 -3 38 38"')

const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] })
const page = await browser.newPage()
writeFileSync(`${FOLDER}/apple-touch-icon.png`, await draw(square, 180))
writeFileSync(`${FOLDER}/icon-192.png`, await draw(svg, 192))
writeFileSync(`${FOLDER}/icon-512.png`, await draw(svg, 512))
writeFileSync(`${FOLDER}/icon-maskable-512.png`, await draw(square, 512))
writeFileSync(
  `${FOLDER}/favicon.ico`,
  asIco([await draw(svg, 16), await draw(svg, 32), await draw(svg, 48)], [16, 32, 48]),
)
await browser.close()

async function draw(picture: string, size: number): Promise<Buffer> {
  await page.setViewportSize({ width: size, height: size })
  const ground = picture === square ? GROUND : 'transparent'
  const sized = picture.replace('<svg ', `<svg width="${size}" height="${size}" style="display:block" `)
  await page.setContent(`<body style="margin:0;background:${ground}">${sized}`)
  return await page.screenshot({ omitBackground: true })
}

/** An ICO file is a table of pictures; PNG is allowed in it. */
function asIco(pictures: Buffer[], sizes: number[]): Buffer {
  const head = Buffer.alloc(6 + 16 * pictures.length)
  head.writeUInt16LE(1, 2)
  head.writeUInt16LE(pictures.length, 4)
  let offset = head.length
  for (const [index, picture] of pictures.entries()) {
    const at = 6 + 16 * index
    head.writeUInt8(sizes[index] ?? 0, at)
    head.writeUInt8(sizes[index] ?? 0, at + 1)
    head.writeUInt16LE(1, at + 4)
    head.writeUInt16LE(32, at + 6)
    head.writeUInt32LE(picture.length, at + 8)
    head.writeUInt32LE(offset, at + 12)
    offset += picture.length
  }
  return Buffer.concat([head, ...pictures])
}
