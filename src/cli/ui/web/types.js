// What the server sends, for editors and type checkers; nothing here runs.

/**
 * @typedef {{ text: string, bytes: number, at: string | null }} Text
 * a text, or its beginning: all of its bytes, and where the rest is
 *
 * @typedef {{
 *   completed: number, failed: number, skipped: number, cancelled: number, running: number, waiting?: number
 * }} Outcomes
 *
 * @typedef {{
 *   id: string, script: string, params: string, status: string, kind?: string, started_at: number, took: number | null,
 *   median: number | null, ops: Outcomes, calls: number, retries: number, reused: number, tokens: [number, number],
 *   cost: number | null, unknown_costs?: number, demo: boolean, failure: string | null, note: string | null,
 *   tags: string[], resumes: string | null
 * }} RunLine
 *
 * @typedef {{
 *   op: number, flow: number, name: string, does: string, outcome: string, because: string | null,
 *   start: number | null, end: number | null, took: number | null, waited: number,
 *   segments: [string, number, number | null, string | null][], critical: boolean, model: string, demo: boolean,
 *   tokens: [number, number] | null, cost: number | null, calls: number, label?: string | null,
 *   failure: { kind: string, message: string, place?: string } | null
 * }} OpRow
 *
 * @typedef {{
 *   fold: string, key: string, flow: number, n: number, by: Outcomes, p50: number, p95: number, first: number,
 *   last: number, bins: [number, number][], cost: number | null, tokens: [number, number], rows: OpRow[]
 * }} FoldRow
 *
 * @typedef {{ kind: 'op', key: string, row: OpRow, isInside?: boolean }
 *   | { kind: 'fold', key: string, row: FoldRow }
 *   | { kind: 'flow', key: string, name: string, says: string, took: number | null }
 *   | { kind: 'more', key: string, word: string, says: string }} Line
 * one row of the timeline
 *
 * @typedef {{
 *   op?: number, fold?: string, name: string, outcome: string, took: number | null, critical: boolean, n?: number,
 *   failed?: number, tokens?: [number, number] | null, x?: number, y?: number, w?: number, h?: number
 * }} GraphNode
 *
 * @typedef {{ from: number, to: number, critical: boolean, line?: number[] }} GraphEdge
 */

export {};
