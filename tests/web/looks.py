"""A page as it looks: photographed in both themes, and what axe-core says against it."""

from playwright.async_api import Page

from tests.web.figures import picture

__all__ = ["LOOKS", "looked_at"]

LOOKS = {"desktop": {"width": 1280, "height": 800}, "phone": {"width": 390, "height": 844}}

AXE = """async (rules) => {
    const found = await axe.run(document, { resultTypes: ["violations"], ...(rules && { runOnly: rules }) });
    const places = ({ nodes }) => nodes.map((node) => node.html.slice(0, 160)).join(" | ");
    return found.violations.map((each) => `${each.id}: ${each.help}: ${places(each)}`);
}"""

OF_COLOURS = ["color-contrast", "link-in-text-block"]
"""The rules whose answer a theme changes."""

# Chromium takes the theme over after it has said so: some text first, the rest in the frames that follow.
PAINTED = """async (theme) => {
    while (!matchMedia(`(prefers-color-scheme: ${theme})`).matches) await new Promise(requestAnimationFrame);
    for (let frame = 0; frame < 6; frame++) await new Promise(requestAnimationFrame);
    await Promise.all(document.getAnimations().map((each) => each.finished.catch(() => {})));
}"""


async def looked_at(page: Page, axe: str, name: str, look: str) -> list[str]:
    """Photograph it in both themes; what axe-core says against it, in the dark against its colours."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(axe)
    against: list[str] = []
    for theme, rules in (("dark", OF_COLOURS), ("light", None)):
        await page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        await page.evaluate(PAINTED, theme)
        await page.screenshot(path=picture(f"{name}-{look}-{theme}"))
        against += [f"{name}, {look}, {theme}: {each}" for each in await page.evaluate(AXE, rules)]
    return against
