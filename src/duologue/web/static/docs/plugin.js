// What Swagger UI leaves out for keyboards and screen readers, added by a plugin where its components are made: nothing watches
// the page, and the vendored file stays as it came. tests/web/test_docs.py says what is missing when a new version has changed them.
"use strict";

/** A plugin of Swagger UI; `React` is the one that comes with it. */
window.AccessibleDocs = ({ React }) => {
  const h = React.createElement;
  const inside = (tag, attributes) => (Original) => (props) => h(tag, attributes, h(Original, props));

  /** The component with some of the elements that it renders changed. */
  const rendering = (change) => (Original) =>
    class extends Original {
      render() {
        return altered(super.render(), change);
      }
    };

  function altered(node, change) {
    if (Array.isArray(node)) return node.map((each) => altered(each, change));
    if (!React.isValidElement(node)) return node;
    const { children } = node.props;
    return change(children ? React.cloneElement(node, { children: altered(children, change) }) : node);
  }

  // Swagger UI puts some components behind an error boundary, which then renders what is meant as a child.
  const behindBoundary = (wrap) => {
    const wrapped = new Map(); // React keeps what is typed for as long as the component is the same one
    return rendering((element) => {
      if (typeof element.type !== "function" || element.props.targetName) return element;
      if (!wrapped.has(element.type)) wrapped.set(element.type, wrap(element.type));
      return h(wrapped.get(element.type), element.props);
    });
  };

  const tableAgain = rendering((element) => (element.type === "table" ? React.cloneElement(element, { role: null }) : element));
  const wordAgain = rendering((element) => (element.type === "h6" ? h("p", { className: "authorized" }, element.props.children) : element));

  /** The dialog: it has the focus, keeps it, and gives it back. */
  const dialog = (Original) =>
    function AuthorizationDialog(props) {
      const self = React.useRef(null);
      React.useLayoutEffect(() => {
        const element = self.current;
        element.showModal();
        return () => element.close();
      }, []);
      const cancel = (event) => {
        event.preventDefault();
        props.authActions.showDefinitions(false);
      };
      return h("dialog", { ref: self, "aria-label": "Available authorizations", onCancel: cancel }, h(Original, props));
    };

  return {
    // A link inside of a button is neither; the address still follows what is opened.
    components: { DeepLink: ({ text }) => h("span", { className: "nostyle" }, text) },
    wrapComponents: {
      // Landmarks, and the level of heading that is left out between the title and the tags.
      InfoContainer: (Original) => (props) => h("div", { role: "banner" }, h(Original, props), h("h2", { className: "unseen" }, "Requests")),
      AuthorizeBtnContainer: inside("section", { "aria-label": "Authorization", className: "auth-section" }),
      FilterContainer: inside("div", { role: "search" }),
      authorizationPopup: dialog,
      // "Authorized" is no heading; a table that is called a region is no table any more.
      apiKeyAuth: wordAgain,
      HttpAuth: wordAgain,
      responses: behindBoundary(tableAgain),
      // Names: of what shows a picture alone, and of fields. Those that say something else than the button shows go.
      CloseIcon: (Original) => (props) => h(React.Fragment, null, h(Original, props), h("span", { className: "unseen" }, "Close")),
      JSONSchema202012Accordion: (Original) => (props) =>
        h(Original, { ...props, children: [props.children, h("span", { key: "of", className: "unseen" }, " fields")] }),
      Button: (Original) => ({ "aria-label": _, ...props }) => h(Original, props),
      TextArea: (Original) => (props) => h(Original, { "aria-label": "Request body", ...props }),
      JsonSchemaForm: (Original) => (props) => h("label", null, h("span", { className: "unseen" }, props.description), h(Original, props)),
    },
  };
};
