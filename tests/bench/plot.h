/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plot.h - draws errors by the number of payments a day as SVG, with both axes logarithmic. There
 * are two panels side by side and one legend. Each panel has a line for bucket-laplace and one for
 * each epsilon of continual.
 */
#ifndef TELLTALE_BENCH_PLOT_H
#define TELLTALE_BENCH_PLOT_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define PLOT_POINTS   5 /* 100, 1,000, ... payments a day */
#define PLOT_EPSILONS 3 /* 0.5, 1, 2 */
#define PLOT_PANELS   2

/* Errors as parts of one; NAN: not known. */
struct plot_panel {
	const char *title;
	double bucket[PLOT_POINTS];
	double continual[PLOT_EPSILONS][PLOT_POINTS];
};

#define PLOT_LEFT   64
#define PLOT_TOP    64
#define PLOT_WIDTH  340
#define PLOT_HEIGHT 260
#define PLOT_PITCH  460 /* from one panel to the next */
#define PLOT_LEGEND (PLOT_TOP + PLOT_HEIGHT + 66)

#define PLOT_LINES (1 + PLOT_EPSILONS)
/* Lines that overlap differ in their dashes and in the marks of their points. */
static const struct {
	const char *name, *colour, *dashes;
	unsigned radius;
} plot_styles[PLOT_LINES] = {
	{"bucket-laplace", "#c0392b", "7 4", 4},
	{"continual, ε = 0.5", "#8fbcd6", "none", 5},
	{"continual, ε = 1", "#1f6f9f", "none", 4},
	{"continual, ε = 2", "#0b2c45", "none", 3},
};

static inline double plot_x(size_t point)
{
	return PLOT_LEFT + (double)PLOT_WIDTH * (double)point / (PLOT_POINTS - 1);
}

/* 0.1 % to 100 %. */
static inline double plot_y(double part_of_one)
{
	double percent = fmin(fmax(100 * part_of_one, 0.1), 100);

	return PLOT_TOP + PLOT_HEIGHT * (2 - log10(percent)) / 3;
}

static inline void plot_line(FILE *out, size_t style, const double *values)
{
	fprintf(out,
		"<polyline fill=\"none\" stroke-width=\"2\" stroke=\"%s\" "
		"stroke-dasharray=\"%s\" points=\"",
		plot_styles[style].colour, plot_styles[style].dashes);
	for (size_t i = 0; i < PLOT_POINTS; i++) {
		if (!isnan(values[i]))
			fprintf(out, "%.0f,%.1f ", plot_x(i), plot_y(values[i]));
	}
	fputs("\"/>\n", out);
	for (size_t i = 0; i < PLOT_POINTS; i++) {
		if (!isnan(values[i]))
			fprintf(out, "<circle cx=\"%.0f\" cy=\"%.1f\" r=\"%u\" fill=\"%s\"/>\n",
				plot_x(i), plot_y(values[i]), plot_styles[style].radius,
				plot_styles[style].colour);
	}
}

static inline void plot_axes(FILE *out)
{
	static const char *const labels[PLOT_POINTS] = {"100", "1,000", "10,000", "100,000",
							"1,000,000"};

	for (int i = 0; i <= 3; i++) {
		double part_of_one = pow(10, -i);

		fprintf(out,
			"<line x1=\"%d\" x2=\"%d\" y1=\"%.0f\" y2=\"%.0f\" stroke=\"#ddd\"/>\n"
			"<text x=\"%d\" y=\"%.0f\" text-anchor=\"end\">%g %%</text>\n",
			PLOT_LEFT, PLOT_LEFT + PLOT_WIDTH, plot_y(part_of_one), plot_y(part_of_one),
			PLOT_LEFT - 10, plot_y(part_of_one) + 4, 100 * part_of_one);
	}
	for (size_t i = 0; i < PLOT_POINTS; i++)
		fprintf(out, "<text x=\"%.0f\" y=\"%d\" text-anchor=\"middle\">%s</text>\n",
			plot_x(i), PLOT_TOP + PLOT_HEIGHT + 20, labels[i]);
	fprintf(out, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">payments a day</text>\n",
		PLOT_LEFT + PLOT_WIDTH / 2, PLOT_TOP + PLOT_HEIGHT + 40);
}

static inline void plot_panel(FILE *out, const struct plot_panel *panel, int at)
{
	fprintf(out,
		"<g transform=\"translate(%d,0)\">\n"
		"<text x=\"%d\" y=\"%d\" font-weight=\"bold\">%s</text>\n",
		at, PLOT_LEFT, PLOT_TOP - 14, panel->title);
	plot_axes(out);
	for (size_t e = 0; e < PLOT_EPSILONS; e++)
		plot_line(out, 1 + e, panel->continual[e]);
	plot_line(out, 0, panel->bucket);
	fputs("</g>\n", out);
}

static inline void plot_legend(FILE *out)
{
	for (int i = 0; i < PLOT_LINES; i++) {
		int x = PLOT_LEFT + 190 * i;

		fprintf(out,
			"<line x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%d\" stroke=\"%s\" "
			"stroke-width=\"2\" stroke-dasharray=\"%s\"/>\n"
			"<circle cx=\"%d\" cy=\"%d\" r=\"%u\" fill=\"%s\"/>\n"
			"<text x=\"%d\" y=\"%d\">%s</text>\n",
			x, x + 32, PLOT_LEGEND, PLOT_LEGEND, plot_styles[i].colour,
			plot_styles[i].dashes, x + 16, PLOT_LEGEND, plot_styles[i].radius,
			plot_styles[i].colour, x + 40, PLOT_LEGEND + 4, plot_styles[i].name);
	}
}

/* Ends the program when the file cannot be written. */
static inline void plot_draw(const char *path, const char *title,
			     const struct plot_panel panels[PLOT_PANELS])
{
	FILE *out = fopen(path, "w");

	if (!out) {
		perror(path);
		exit(1);
	}
	fprintf(out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
		"font-family=\"sans-serif\" font-size=\"12\">\n"
		"<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n"
		"<text x=\"%d\" y=\"26\" font-size=\"14\" font-weight=\"bold\">%s</text>\n",
		PLOT_PITCH + PLOT_LEFT + PLOT_WIDTH + 40, PLOT_LEGEND + 24, PLOT_LEFT, title);
	for (int i = 0; i < PLOT_PANELS; i++)
		plot_panel(out, &panels[i], PLOT_PITCH * i);
	plot_legend(out);
	fputs("</svg>\n", out);
	if (fclose(out)) {
		perror(path);
		exit(1);
	}
}

#endif
