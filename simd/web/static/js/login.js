// Logging in: sends the token, and goes back to where somebody was asked for it.
import {sentence} from './common/format.js';

const form = document.getElementById('login');
const problem = document.getElementById('problem');
const button = form.querySelector('button');

/** Where to go: an address of this page alone, whatever the query string says. */
function next() {
  const wanted = new URL(new URLSearchParams(location.search).get('next') ?? '/', location.origin);
  return wanted.origin === location.origin && wanted.pathname !== '/login' ? wanted.pathname + wanted.search : '/';
}

async function logIn() {
  const response = await fetch('/api/login', {
    method: 'POST',
    headers: {'Content-Type': 'application/json'},
    body: JSON.stringify({token: form.elements.token.value}),
  });
  if (response.ok) return;
  const answer = await response.json().catch(() => null);
  throw new Error(answer?.error?.message ?? `The page answered ${response.status}.`);
}

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  problem.textContent = '';
  button.disabled = true;
  try {
    await logIn();
    location.replace(next());
  } catch (error) {
    problem.textContent = error instanceof TypeError ? 'The page does not answer. Try again.' : sentence(error.message);
    form.elements.token.select();
  } finally {
    button.disabled = false;
  }
});
