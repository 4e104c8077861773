// The renderer, and values that components watch. Text always goes in as text; nothing here writes markup.

/** @type {any} */
const preact = /** @type {any} */ (window).htmPreact;

export const html = preact.html;
export const render = preact.render;
export const useEffect = preact.useEffect;
export const useLayoutEffect = preact.useLayoutEffect;
export const useMemo = preact.useMemo;
export const useRef = preact.useRef;
export const useState = preact.useState;

/**
 * A value that can be watched.
 * @template T
 * @typedef {{ get: () => T, set: (value: T) => void, watch: (seen: (value: T) => void) => () => void }} Store
 */

/**
 * Makes a value that can be watched.
 * @template T
 * @param {T} value
 * @returns {Store<T>}
 */
export function store(value) {
  /** @type {Set<(value: T) => void>} */
  const watchers = new Set();

  return {
    get: () => value,
    set: next => {
      value = next;
      for (const watcher of [...watchers]) watcher(value);
    },
    watch: seen => {
      watchers.add(seen);
      return () => { watchers.delete(seen); };
    },
  };
}

/**
 * Returns the value of a store, and draws the component again when it changes.
 * @template T
 * @param {Store<T>} from
 * @returns {T}
 */
export function useStore(from) {
  const [, redraw] = useState(0);
  useLayoutEffect(() => from.watch(() => redraw((/** @type {number} */ n) => n + 1)), [from]);
  return from.get();
}

/**
 * Calls a function when the component has been drawn, and its result when the component goes.
 * Unlike an effect that runs after painting, it is in place before the next key is pressed.
 * @param {() => (void | (() => void))} run
 * @param {any[]} on
 */
export const useSetup = (run, on) => useLayoutEffect(run, on);

/**
 * Joins the names of classes, leaving out what is false.
 * @param {...(string | false | null | undefined)} names
 */
export const classes = (...names) => names.filter(Boolean).join(' ');

/**
 * A list with an item in it or not, as it was not before.
 * @template T
 * @param {T[]} list
 * @param {T} item
 */
export const flipped = (list, item) => list.includes(item) ? list.filter(one => one !== item) : [...list, item];
