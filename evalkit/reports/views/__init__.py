"""How a report looks: HTML, Markdown, CSV and the chart."""
