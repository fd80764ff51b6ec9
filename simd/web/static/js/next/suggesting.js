// Suggestions as the daemon finds them.
import * as api from '../common/api.js';

const CUT_OFF = 'The suggestions were cut off on their way. Ask for them again.';

/**
 * Ask, and tell what is heard.
 * @param {{strategy: string, limit: number, under: string, skip: string[]}} asked
 * @param {AbortSignal} signal
 * @param {{progress: (done: number, total: number) => void, suggestions: (more: object[]) => void,
 *   summary: (summary: object) => void}} hear
 */
export async function suggest(asked, signal, hear) {
  let isWhole = false;
  const response = await api.suggestions(asked, signal);
  for await (const line of linesOf(response.body)) {
    if (line.error) throw new api.ApiError(503, line.error);
    if (line.suggestions) hear.suggestions(line.suggestions);
    else if (line.summary) {
      hear.summary(line.summary);
      isWhole = true;
    } else hear.progress(line.done, line.total);
  }
  if (!isWhole) throw new api.ApiError(0, {code: 'UNAVAILABLE', message: CUT_OFF});
}

async function* linesOf(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let kept = '';
  try {
    for (;;) {
      const {value, done} = await reader.read();
      if (done) return;
      const lines = (kept + value).split('\n');
      kept = lines.pop();
      for (const line of lines) if (line) yield JSON.parse(line);
    }
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new api.ApiError(0, {code: 'UNAVAILABLE', message: CUT_OFF});
  } finally {
    reader.cancel().catch(() => {});
  }
}
