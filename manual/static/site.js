// What the theme's script adds to a page, made usable by keyboard and screen reader.

const finished = new WeakSet();

/** A table that scrolls takes the focus, so that the arrow keys scroll it (WCAG 2.2, 2.1.1). */
const sizes = new ResizeObserver((entries) => {
    for (const { target } of entries) {
        if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
        else target.removeAttribute("tabindex");
    }
});

function finish() {
    for (const each of document.querySelectorAll(".md-typeset__scrollwrap, .md-code__nav")) {
        if (finished.has(each)) continue;
        finished.add(each);
        // The buttons beside a block of code are not a place of the page to go to.
        if (each.matches(".md-code__nav")) each.setAttribute("role", "none");
        else sizes.observe(each);
    }
}

new MutationObserver(finish).observe(document.body, { childList: true, subtree: true });
finish();
