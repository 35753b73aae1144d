// Shows the document beside this page. No validator: it would be asked over the network.
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#calls",
  deepLinking: true,
  displayRequestDuration: true,
  validatorUrl: null,
});
