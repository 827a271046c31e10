/** The pages before one is signed in: register, code, sign in, a new password. */

import { html, useEffect, useRef, useState } from "../shared/html.js";
import { Logo } from "../shared/icons.js";
import { chat } from "./chat.js";
import { Field, FormFailure, Submit, useForm } from "./form.js";
import { go, route } from "./route.js";

const DEVELOPMENT = document.documentElement.dataset.stage === "development";
const PENDING = "duologue.pending"; // the address whose code is awaited: a reload does not lose it
const RESEND_SECONDS = 60;
const PASSWORD_HINT = "At least 8 characters; a short sentence is good.";

const pending = {
  get: () => sessionStorage.getItem(PENDING) ?? "",
  /** @param {string} email */
  set: (email) => sessionStorage.setItem(PENDING, email),
};

/** @type {Record<string, () => unknown>} */
const PAGES = { register: Register, code: Code, reset: Reset, "new-password": NewPassword };

/** The page the address names; signing in for all others. */
export function Entrance() {
  const Page = PAGES[route.value.page] ?? SignIn;
  return html`<div class="entrance">
    <section class="picture" aria-hidden="true">
      <${Logo} size="560" />
      <span class="brand"><${Logo} />Duologue</span>
      <div class="voices">
        <p class="one">Are you there?</p>
        <p class="two">Always. And nothing you said got lost.</p>
      </div>
      <p class="promise">Conversations of two. Every message is kept before it is shown, and whoever was away gets what they missed, in order.</p>
    </section>
    <div class="form">
      <header><a class="brand" href="#/"><${Logo} />Duologue</a></header>
      <main class="panel"><${Page} key=${route.value.page} /></main>
      <footer>
        ${DEVELOPMENT && html`<a href="/dev/mailbox">Mailbox</a><a href="/playground">Playground</a>`}
        <a href="/docs">API</a><a href="/protocol">Protocol</a>
      </footer>
    </div>
  </div>`;
}

/** A heading that is read out and scrolled to when the page changes. @param {{title: string}} props */
function Heading({ title }) {
  const heading = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    document.title = `${title} · Duologue`;
    if (document.activeElement === document.body) heading.current?.focus({ preventScroll: true });
  }, [title]);
  return html`<h1 tabindex="-1" ref=${heading}>${title}</h1>`;
}

function SignIn() {
  const form = useForm(async ({ email, password }) => {
    try {
      await chat.signIn(email, password);
    } catch (error) {
      if (/** @type {{code?: string}} */ (error).code !== "EMAIL_NOT_VERIFIED") throw error;
      pending.set(email);
      await chat.resendCode(email).catch(() => undefined); // too soon for another: the first one still counts
      go("/code");
    }
  });
  const done = route.value.page === "changed";
  return html`<${Heading} title="Sign in" />
    <p class="lead">Good to see you again.</p>
    <form onSubmit=${form.submit} novalidate>
      ${done && html`<p class="notice good" role="status">Your password is changed. Sign in with it.</p>`}
      <${FormFailure} form=${form} fields=${["email", "password"]} />
      <${Field} form=${form} label="E-mail address" name="email" type="email" autocomplete="username" required value=${pending.get()} />
      <${Field} form=${form} label="Password" name="password" type="password" autocomplete="current-password" required
        aside=${html`<a href="#/reset">Forgot it?</a>`} />
      <${Submit} form=${form}>Sign in<//>
    </form>
    <p class="aside">New here? <a href="#/register">Create an account</a></p>`;
}

function Register() {
  const form = useForm(async ({ email, password }) => {
    await chat.register(email, password);
    pending.set(email.trim());
    go("/code");
  });
  return html`<${Heading} title="Create an account" />
    <p class="lead">An address and a password; a code comes by mail.</p>
    <form onSubmit=${form.submit} novalidate>
      <${FormFailure} form=${form} fields=${["email", "password"]} />
      <${Field} form=${form} label="E-mail address" name="email" type="email" autocomplete="username" required />
      <${Field} form=${form} label="Password" name="password" type="password" autocomplete="new-password" required hint=${PASSWORD_HINT} />
      <${Submit} form=${form}>Continue<//>
    </form>
    <p class="aside">You have an account? <a href="#/sign-in">Sign in</a></p>`;
}

function Code() {
  const email = pending.get();
  const form = useForm(async ({ otp }) => {
    await chat.verify(email, otp.replace(/\s/g, ""));
    sessionStorage.removeItem(PENDING);
  });
  useEffect(() => {
    if (!email) go("/register", { replace: true });
  }, [email]);
  return html`<${Heading} title="Look into your mail" />
    <p class="lead">We have sent a code of six digits to <strong>${email}</strong>.</p>
    <form onSubmit=${form.submit} novalidate>
      <${FormFailure} form=${form} fields=${["otp"]} />
      <${OneTimeCode} form=${form} submits />
      <${Submit} form=${form}>Confirm<//>
    </form>
    <p class="aside">Nothing there? <${Resend} email=${email} send=${() => chat.resendCode(email)} /></p>
    ${DEVELOPMENT && html`<p class="aside">In development, mails are at <a href="/dev/mailbox?to=${encodeURIComponent(email)}" target="_blank">/dev/mailbox</a>.</p>`}
    <p class="aside"><a href="#/register">Take another address</a></p>`;
}

/** Six digits; the last one sends them where `submits`. @param {{form: import("./form.js").FormState, submits?: boolean}} props */
function OneTimeCode({ form, submits = false }) {
  /** @param {Event} event */
  function typed(event) {
    const input = /** @type {HTMLInputElement} */ (event.currentTarget);
    if (submits && /^\d{6}$/.test(input.value.replace(/\s/g, ""))) input.form?.requestSubmit();
  }
  const place = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => place.current?.querySelector("input")?.focus(), []); // one comes back from the mail and pastes
  return html`<div ref=${place}><${Field} form=${form} label="Code" name="otp" class="code" inputmode="numeric" autocomplete="one-time-code" maxlength="8" required
    spellcheck="false" onInput=${typed} /></div>`;
}

/** Another code, once a minute. @param {{email: string, send: () => Promise<unknown>}} props */
function Resend({ email, send }) {
  const [wait, setWait] = useState(RESEND_SECONDS);
  const [said, setSaid] = useState("");
  useEffect(() => {
    if (wait <= 0) return undefined;
    const timer = setTimeout(() => setWait(wait - 1), 1000);
    return () => clearTimeout(timer);
  }, [wait]);

  async function again() {
    try {
      await send();
      setSaid(`Another code is on its way to ${email}.`);
      setWait(RESEND_SECONDS);
    } catch (error) {
      const failure = /** @type {import("./form.js").Failure} */ (error);
      setSaid(failure.message);
      setWait(failure.retryAfter ?? 0);
    }
  }
  return html`<button type="button" class="link" disabled=${wait > 0} onClick=${again}>Send another code${wait > 0 ? ` in ${wait} s` : ""}</button>
    <span role="status">${said && ` ${said}`}</span>`;
}

function Reset() {
  const form = useForm(async ({ email }) => {
    await chat.resetPassword(email);
    pending.set(email.trim());
    go("/new-password");
  });
  return html`<${Heading} title="A new password" />
    <p class="lead">We mail a code to your address, and with it you choose another password.</p>
    <form onSubmit=${form.submit} novalidate>
      <${FormFailure} form=${form} fields=${["email"]} />
      <${Field} form=${form} label="E-mail address" name="email" type="email" autocomplete="username" required value=${pending.get()} />
      <${Submit} form=${form}>Mail me a code<//>
    </form>
    <p class="aside"><a href="#/sign-in">Back to signing in</a></p>`;
}

function NewPassword() {
  const email = pending.get();
  const form = useForm(async ({ otp, newPassword }) => {
    await chat.setNewPassword(email, otp.replace(/\s/g, ""), newPassword);
    go("/changed");
  });
  return html`<${Heading} title="Choose a new password" />
    <p class="lead">If there is an account with <strong>${email}</strong>, a code is on its way there.</p>
    <form onSubmit=${form.submit} novalidate>
      <${FormFailure} form=${form} fields=${["otp", "newPassword"]} />
      <${OneTimeCode} form=${form} />
      <${Field} form=${form} label="New password" name="newPassword" type="password" autocomplete="new-password" required hint=${PASSWORD_HINT} />
      <${Submit} form=${form}>Change it<//>
    </form>
    ${DEVELOPMENT && html`<p class="aside">In development, mails are at <a href="/dev/mailbox?to=${encodeURIComponent(email)}" target="_blank">/dev/mailbox</a>.</p>`}
    <p class="aside">It signs you out everywhere. <a href="#/sign-in">Back to signing in</a></p>`;
}
