// Logging out, where there is a login.
import {logOut, session} from '../common/api.js';

/** Show a button that logs out, if somebody is logged in. */
export async function offerLeaving(button) {
  const {logged_in: isLoggedIn} = await session();
  button.hidden = !isLoggedIn;
  button.addEventListener('click', async () => {
    await logOut();
    location.assign('/login');
  });
}
