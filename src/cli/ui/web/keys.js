// Keys: each page says what its keys do while it is shown; the frame listens once.
import { useRef, useSetup } from './base.js';

/** @typedef {Record<string, () => void>} Keys */

/** The keys of what is shown, each as it was drawn last. @type {{ current: Keys }[]} */
const layers = [];

/**
 * Says what keys do while a component is shown. Its layer keeps its place when it is drawn again: the frame, which is
 * drawn with every page, never comes before what the page says.
 * @param {Keys} keys
 */
export function useKeys(keys) {
  const layer = useRef(keys);
  layer.current = keys;
  useSetup(() => {
    layers.push(layer);
    return () => { layers.splice(layers.indexOf(layer), 1); };
  }, []);
}

/**
 * What a key does now: what was shown last decides.
 * @param {string} key
 */
export const actionOf = key => [...layers].reverse().find(layer => layer.current[key])?.current[key];

/** All keys, in the order of the help. */
export const HELP = [
  ['j k', 'next and previous row'], ['Enter', 'open'], ['x', 'mark a run'],
  ['c', 'compare the two marked runs, or this run with the one before'], ['f', 'next failure'],
  ['[ ]', 'previous and next run of the script'], ['t g l v e', 'timeline, graph, log, result, examples'],
  ['+ − 0', 'zoom in, zoom out, show the whole run'], ['o', 'list all operations of a name'],
  ['d', 'only what differs'], ['/', 'find'], ['y', 'copy the command that repeats the run'], ['Esc', 'close'],
];
