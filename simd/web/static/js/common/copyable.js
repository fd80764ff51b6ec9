// A command to be typed into a shell, with a button that copies it.
import {h, toast} from './dom.js';

/** The element of a command. */
export function copyable(command) {
  const code = h('code', {}, command);
  const button = h('button', {type: 'button', 'aria-label': `Copy: ${command}`, onclick: copy}, 'Copy');
  return h('div', {class: 'copyable'}, code, button);

  async function copy() {
    try {
      await navigator.clipboard.writeText(command);
      toast('Copied.');
    } catch {
      // Only pages over TLS, or of this very host, may write to the clipboard.
      getSelection().selectAllChildren(code);
      toast('It is selected: copy it with Ctrl+C.');
    }
  }
}
