/** One's account: devices, security events, the password, whom one has blocked, and how it looks. */

import { html, useEffect, useSignal } from "../shared/html.js";
import { Icon } from "../shared/icons.js";
import { blocked, chat, personOf, unblock, user } from "./chat.js";
import { ago, momentOf } from "./dates.js";
import { ask } from "./dialog.js";
import { Field, FormFailure, Submit, useForm } from "./form.js";
import { Avatar, nameOf } from "./person.js";
import { ThemeSwitch } from "./theme_switch.js";

/** @type {Record<string, {title: string, icon: import("../shared/icons.js").IconName, draw: () => unknown}>} */
export const ACCOUNT_PAGES = {
  devices: { title: "Devices", icon: "devices", draw: Devices },
  security: { title: "Security events", icon: "shield", draw: Security },
  password: { title: "Password", icon: "key", draw: Password },
  blocked: { title: "Blocked people", icon: "block", draw: Blocked },
  appearance: { title: "Appearance", icon: "sun", draw: Appearance },
};

/** @param {{page: string}} props */
export function Account({ page }) {
  const { title, draw: Page } = ACCOUNT_PAGES[page];
  useEffect(() => {
    document.title = `${title} · Duologue`;
  }, [title]);
  return html`<div class="account">
    <header class="bar">
      <a class="icon back" href="#/" aria-label="Back to the conversations"><${Icon} name="back" /></a>
      ${user.value && html`<${Avatar} person=${user.value} dot=${false} />`}
      <div class="who"><h2>${user.value && nameOf(user.value)}</h2><p>${user.value?.email}</p></div>
      <button type="button" class="button quiet small" onClick=${() => chat.signOut()}><${Icon} name="leave" size="18" />Sign out</button>
    </header>
    <div class="sheet" tabindex="0" role="region" aria-label=${title}>
      <nav class="pages" aria-label="Account">
        ${Object.entries(ACCOUNT_PAGES).map(
          ([key, each]) => html`<a href="#/${key}" aria-current=${key === page ? "page" : undefined}><${Icon} name=${each.icon} size="18" />${each.title}</a>`,
        )}
      </nav>
      <div class="inside"><h2>${title}</h2><${Page} /></div>
    </div>
  </div>`;
}

/**
 * What the server knows, once more on `load()`.
 * @template T @param {() => Promise<T>} fetch @param {T} none
 */
function useLoaded(fetch, none) {
  const value = useSignal(none);
  const failure = useSignal("");
  const ready = useSignal(false);
  async function load() {
    try {
      value.value = await fetch();
      failure.value = "";
    } catch (error) {
      failure.value = /** @type {Error} */ (error).message;
    }
    ready.value = true;
  }
  useEffect(() => void load(), []);
  return { value, failure, ready, load };
}

/** @param {{loaded: {failure: {value: string}, ready: {value: boolean}, load: () => void}}} props */
function Loading({ loaded }) {
  if (loaded.failure.value) {
    return html`<p class="notice wrong" role="alert">${loaded.failure.value} <button type="button" class="link" onClick=${loaded.load}>Try again</button></p>`;
  }
  return loaded.ready.value ? null : html`<p class="soft" role="status">One moment…</p>`;
}

function Devices() {
  const loaded = useLoaded(() => chat.sessions(), /** @type {import("./chat.js").Session[]} */ ([]));
  const sessions = loaded.value.value;

  /** @param {import("./chat.js").Session} session */
  async function end(session) {
    const question = { title: `Sign out ${session.device}?`, text: "It has to sign in again to go on.", yes: "Sign out" };
    if (!(await ask(question))) return;
    await chat.endSession(session.id).catch((error) => (loaded.failure.value = error.message));
    await loaded.load();
  }

  async function endOthers() {
    const others = sessions.length - 1;
    const question = { title: "Sign out all other devices?", text: `${others === 1 ? "One device has" : `${others} devices have`} to sign in again.`, yes: "Sign out" };
    if (!(await ask(question))) return;
    await chat.endOtherSessions().catch((error) => (loaded.failure.value = error.message));
    await loaded.load();
  }

  return html`<p class="soft">Where you are signed in. Whatever you do not recognise, sign out, and then change your password.</p>
    <${Loading} loaded=${loaded} />
    <ul class="cards">${sessions.map(
      (session) => html`<li key=${session.id} class="card">
        <${Icon} name="devices" size="22" />
        <div>
          <h3>${session.device.charAt(0).toUpperCase() + session.device.slice(1)} ${session.current && html`<b class="tag">this device</b>`}</h3>
          <p class="soft">${session.address} · ${session.sockets > 0 || session.current ? html`<span class="is-online">active now</span>` : `last used ${ago(session.lastUsedAt)}`}</p>
          <p class="soft">Signed in ${momentOf(session.createdAt)}</p>
        </div>
        ${!session.current && html`<button type="button" class="button quiet small grave" onClick=${() => end(session)} aria-label="Sign out ${session.device}">Sign out</button>`}
      </li>`,
    )}</ul>
    ${sessions.length > 1 && html`<button type="button" class="button quiet grave" onClick=${endOthers}>Sign out all other devices</button>`}`;
}

/** In the words of people; the names are those of OWASP's logging vocabulary. */
const EVENTS = /** @type {Record<string, string>} */ ({
  authn_login_success: "Signed in",
  authn_login_fail: "Somebody tried a wrong password",
  authn_login_fail_max: "Wrong passwords, one after the other",
  authn_token_reuse: "A copied session was ended",
  authn_password_change: "Password changed",
  authn_password_reset: "Password reset by mail",
  user_created: "Account created",
  user_updated: "Account changed",
  session_created: "Session opened",
  session_expired: "Signed out",
  session_revoked: "A device was signed out",
  sensitive_read: "Data exported",
});

function Security() {
  const loaded = useLoaded(() => chat.securityEvents(), /** @type {import("./chat.js").SecurityEvent[]} */ ([]));
  return html`<p class="soft">What happened to your account, the newest first.</p>
    <${Loading} loaded=${loaded} />
    <ol class="events">${loaded.value.value.map(
      (event) => html`<li key=${event.id} class=${/fail|reuse|delay/.test(event.event) ? "grave" : ""}>
        <h3>${EVENTS[event.event] ?? event.event.replace(/_/g, " ")}${event.detail && html` <span class="soft">${event.detail}</span>`}</h3>
        <p class="soft"><time datetime=${event.at} title=${momentOf(event.at)}>${ago(event.at)}</time>${event.address && ` · ${event.address}`}</p>
      </li>`,
    )}</ol>`;
}

function Password() {
  const done = useSignal(false);
  const form = useForm(async ({ password, newPassword }) => {
    done.value = false;
    await chat.changePassword(password, newPassword);
    done.value = true;
  });
  return html`<p class="soft">Changing it signs out all your other devices.</p>
    <form class="narrow" onSubmit=${form.submit} novalidate key=${done.value}>
      <div role="status">${done.value && html`<p class="notice good">Your password is changed; your other devices are signed out.</p>`}</div>
      <${FormFailure} form=${form} fields=${["password", "newPassword"]} />
      <input type="text" class="unseen" autocomplete="username" value=${user.value?.email} readonly tabindex="-1" aria-hidden="true" />
      <${Field} form=${form} label="Present password" name="password" type="password" autocomplete="current-password" required />
      <${Field} form=${form} label="New password" name="newPassword" type="password" autocomplete="new-password" required hint="At least 8 characters; a short sentence is good." />
      <${Submit} form=${form}>Change the password<//>
    </form>`;
}

function Blocked() {
  const ids = [...blocked.value];
  if (!ids.length) return html`<p class="soft">Nobody. Whom you block can neither open a conversation with you nor write to you; the menu of a conversation does it.</p>`;
  return html`<p class="soft">They can neither open a conversation with you nor write to you.</p>
    <ul class="cards">${ids.map((id) => {
      const person = personOf(id);
      return html`<li key=${id} class="card"><${Avatar} person=${person} dot=${false} /><div><h3>${nameOf(person)}</h3><p class="soft">${person.email}</p></div>
        <button type="button" class="button quiet small" onClick=${() => unblock(id)} aria-label="Unblock ${nameOf(person)}">Unblock</button></li>`;
    })}</ul>`;
}

function Appearance() {
  return html`<p class="soft">Kept in this browser.</p><${ThemeSwitch} />`;
}
