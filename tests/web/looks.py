"""A page as it looks: photographed in both themes, and what axe-core says against it."""

from playwright.async_api import Page

from tests.web.figures import picture

__all__ = ["LOOKS", "looked_at"]

LOOKS = {"desktop": {"width": 1280, "height": 800}, "phone": {"width": 390, "height": 844}}

AXE = """async () => {
    const found = await axe.run(document, { resultTypes: ["violations"] });
    const places = ({ nodes }) => nodes.map((node) => node.html.slice(0, 160)).join(" | ");
    return found.violations.map((each) => `${each.id}: ${each.help}: ${places(each)}`);
}"""

# Chromium takes the theme over after it has said so: some text first, the rest in the frames that follow.
PAINTED = """async (theme) => {
    while (!matchMedia(`(prefers-color-scheme: ${theme})`).matches) await new Promise(requestAnimationFrame);
    for (let frame = 0; frame < 6; frame++) await new Promise(requestAnimationFrame);
    await Promise.all(document.getAnimations().map((each) => each.finished.catch(() => {})));
}"""


async def looked_at(page: Page, axe: str, name: str, look: str) -> list[str]:
    """Photograph it in both themes; what axe-core says against it. Its colours are the same on a phone."""
    against: list[str] = []
    for theme in ("dark", "light"):
        await page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        await page.evaluate(PAINTED, theme)
        await page.screenshot(path=picture(f"{name}-{look}-{theme}"))
        if look == "phone" and theme == "dark":
            continue
        await page.evaluate(axe)
        against += [f"{name}, {look}, {theme}: {each}" for each in await page.evaluate(AXE)]
    return against
