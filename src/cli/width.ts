/** Text on a terminal: its width in columns, and what of it fits into them. */
import stringWidth from 'string-width'

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

/** Columns that a text takes: wide characters two, colours none. */
export function widthOf(text: string): number {
  return stringWidth(text)
}

/** The beginning of a text that fits into so many columns, with an ellipsis where something is missing. */
export function cut(text: string, columns: number): string {
  // No character takes less than one column worth looking at; long documents are not measured whole.
  if (text.length <= columns * 4 && widthOf(text) <= columns) return text
  let kept = ''
  let width = 0
  for (const { segment } of graphemes.segment(text.slice(0, columns * 16))) {
    const next = widthOf(segment)
    if (width + next > columns - 1) break
    kept += segment
    width += next
  }
  return `${kept}…`
}

/** The same with the ellipsis in the middle: names often differ only in their ends. */
export function cutMiddle(text: string, columns: number): string {
  if (text.length <= columns * 4 && widthOf(text) <= columns) return text
  const segments = [...graphemes.segment(text.slice(-columns * 16))].map(({ segment }) => segment)
  let end = ''
  for (let room = Math.floor((columns - 1) / 2); segments.length > 0; ) {
    const last = segments.pop()!
    room -= widthOf(last)
    if (room < 0) break
    end = last + end
  }
  return cut(text, columns - widthOf(end)) + end
}
