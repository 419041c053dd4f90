BEGIN TRANSACTION;
CREATE TABLE artifacts (
	id VARCHAR(32) NOT NULL, 
	experiment_id VARCHAR(8) NOT NULL, 
	number INTEGER NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	path TEXT NOT NULL, 
	files JSON NOT NULL, 
	error TEXT, 
	created_at DATETIME NOT NULL, 
	finished_at DATETIME, 
	CONSTRAINT pk_artifacts PRIMARY KEY (id), 
	CONSTRAINT fk_artifacts_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (id)
);
INSERT INTO "artifacts" VALUES('826d9ead1c6ec6d25b35fb97222604c2','786nd4i4',3,'pending','/artifacts/826d9ead1c6ec6d25b35fb97222604c2','{}',NULL,'2026-11-01 06:46:19.576227',NULL);
CREATE TABLE candidates (
	id INTEGER NOT NULL, 
	experiment_id VARCHAR(8) NOT NULL, 
	number INTEGER NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	label TEXT NOT NULL, 
	vector JSON, 
	recipe JSON NOT NULL, 
	recipe_digest VARCHAR(64) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	reason TEXT, 
	fitness DOUBLE, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_candidates PRIMARY KEY (id), 
	CONSTRAINT fk_candidates_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (id), 
	CONSTRAINT uq_candidates_experiment_id_number UNIQUE (experiment_id, number)
);
INSERT INTO "candidates" VALUES(1,'786nd4i4',0,'baseline','base',NULL,'{"method": "linear", "models": ["a", "b"], "weights": null}','0000000000000000000000000000000000000000000000000000000000000000','scored',NULL,3.92857142857142793701e-01,'2026-11-01 06:46:19.332081');
INSERT INTO "candidates" VALUES(2,'786nd4i4',1,'baseline','uniform mean',NULL,'{"method": "linear", "models": ["a", "b"], "weights": null}','0000000000000000000000000000000000000000000000000000000000000001','scored',NULL,3.57142857142857150787e-01,'2026-11-01 06:46:19.388162');
INSERT INTO "candidates" VALUES(3,'786nd4i4',2,'search','','[0.5, -0.25]','{"method": "linear", "models": ["a", "b"], "weights": [0.5, -0.25]}','0000000000000000000000000000000000000000000000000000000000000002','infeasible','NaN in the weights',NULL,'2026-11-01 06:46:19.408046');
INSERT INTO "candidates" VALUES(4,'786nd4i4',3,'search','','[1.0, 0.125]','{"method": "linear", "models": ["a", "b"], "weights": [1.0, 0.125]}','0000000000000000000000000000000000000000000000000000000000000003','scored',NULL,2.85714285714285698425e-01,'2026-11-01 06:46:19.453887');
INSERT INTO "candidates" VALUES(5,'786nd4i4',4,'search','','[0.0, 1.5]','{"method": "linear", "models": ["a", "b"], "weights": [0.0, 1.5]}','0000000000000000000000000000000000000000000000000000000000000004','scored',NULL,0.5,'2026-11-01 06:46:19.532392');
INSERT INTO "candidates" VALUES(6,'ib9t8rcn',0,'baseline','base',NULL,'{"method": "linear", "models": ["a", "b"], "weights": null}','0000000000000000000000000000000000000000000000000000000000000000','scored',NULL,3.92857142857142793701e-01,'2026-11-01 06:46:19.676046');
INSERT INTO "candidates" VALUES(7,'ib9t8rcn',1,'baseline','uniform mean',NULL,'{"method": "linear", "models": ["a", "b"], "weights": null}','0000000000000000000000000000000000000000000000000000000000000001','scored',NULL,3.57142857142857150787e-01,'2026-11-01 06:46:19.718601');
INSERT INTO "candidates" VALUES(8,'ib9t8rcn',2,'search','','[0.5, -0.25]','{"method": "linear", "models": ["a", "b"], "weights": [0.5, -0.25]}','0000000000000000000000000000000000000000000000000000000000000002','infeasible','NaN in the weights',NULL,'2026-11-01 06:46:19.748058');
INSERT INTO "candidates" VALUES(9,'ib9t8rcn',3,'search','','[1.0, 0.125]','{"method": "linear", "models": ["a", "b"], "weights": [1.0, 0.125]}','0000000000000000000000000000000000000000000000000000000000000003','scored',NULL,2.85714285714285698425e-01,'2026-11-01 06:46:19.760461');
INSERT INTO "candidates" VALUES(10,'shb54qfm',0,'baseline','base',NULL,'{"method": "linear", "models": ["a", "b"], "weights": null}','0000000000000000000000000000000000000000000000000000000000000000','scored',NULL,3.92857142857142793701e-01,'2026-11-01 06:46:19.820035');
INSERT INTO "candidates" VALUES(11,'shb54qfm',1,'baseline','uniform mean',NULL,'{"method": "linear", "models": ["a", "b"], "weights": null}','0000000000000000000000000000000000000000000000000000000000000001','scored',NULL,3.57142857142857150787e-01,'2026-11-01 06:46:19.852323');
INSERT INTO "candidates" VALUES(12,'shb54qfm',2,'search','','[0.5, -0.25]','{"method": "linear", "models": ["a", "b"], "weights": [0.5, -0.25]}','0000000000000000000000000000000000000000000000000000000000000002','infeasible','NaN in the weights',NULL,'2026-11-01 06:46:19.891898');
INSERT INTO "candidates" VALUES(13,'shb54qfm',3,'search','','[1.0, 0.125]','{"method": "linear", "models": ["a", "b"], "weights": [1.0, 0.125]}','0000000000000000000000000000000000000000000000000000000000000003','scored',NULL,2.85714285714285698425e-01,'2026-11-01 06:46:19.899930');
INSERT INTO "candidates" VALUES(14,'shb54qfm',4,'search','','[0.0, 1.5]','{"method": "linear", "models": ["a", "b"], "weights": [0.0, 1.5]}','0000000000000000000000000000000000000000000000000000000000000004','asked',NULL,NULL,'2026-11-01 06:46:19.927936');
CREATE TABLE checkpoint_evaluations (
	id INTEGER NOT NULL, 
	label TEXT NOT NULL, 
	model TEXT NOT NULL, 
	weights VARCHAR(16) NOT NULL, 
	split VARCHAR(16) NOT NULL, 
	provenance VARCHAR(16) NOT NULL, 
	task_weights JSON NOT NULL, 
	summary JSON NOT NULL, 
	num_items INTEGER NOT NULL, 
	timings_s JSON NOT NULL, 
	prompt_tokens BIGINT NOT NULL, 
	generated_tokens BIGINT NOT NULL, 
	copied_from BIGINT, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_checkpoint_evaluations PRIMARY KEY (id)
);
INSERT INTO "checkpoint_evaluations" VALUES(1,'base','/models/base','0badcafe','test','feedbeef','{"choice": 1.0}','{"choice": {"items": 2, "score": 0.6428571428571428, "stderr": 0.07142857142857145, "reference_logprob": null}, "words": {"items": 1, "score": 0.14285714285714285, "stderr": null, "reference_logprob": -1.5}}',3,'{"score": 1.5}',30,3,NULL,'2026-11-01 06:46:19.635717');
CREATE TABLE checkpoint_items (
	evaluation_id INTEGER NOT NULL, 
	task VARCHAR(255) NOT NULL, 
	item VARCHAR(64) NOT NULL, 
	score DOUBLE NOT NULL, 
	reference_logprob DOUBLE, 
	output TEXT, 
	CONSTRAINT pk_checkpoint_items PRIMARY KEY (evaluation_id, task, item), 
	CONSTRAINT fk_checkpoint_items_evaluation_id FOREIGN KEY(evaluation_id) REFERENCES checkpoint_evaluations (id)
);
INSERT INTO "checkpoint_items" VALUES(1,'choice','2000000000000000',7.14285714285714301574e-01,NULL,NULL);
INSERT INTO "checkpoint_items" VALUES(1,'words','2000000000000001',1.42857142857142849212e-01,-1.5,'naïve ✓
');
INSERT INTO "checkpoint_items" VALUES(1,'choice','2000000000000002',5.7142857142857139685e-01,-1.5,'naïve ✓
');
CREATE TABLE "evaluations" (
	id INTEGER NOT NULL, 
	candidate_id INTEGER NOT NULL, 
	split VARCHAR(16) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	attempt INTEGER NOT NULL, 
	worker TEXT, 
	started_at DATETIME, 
	finished_at DATETIME, 
	timings_s JSON NOT NULL, 
	prompt_tokens BIGINT NOT NULL, 
	generated_tokens BIGINT NOT NULL, 
	fitness DOUBLE, 
	summary JSON NOT NULL, 
	reason TEXT, 
	block INTEGER DEFAULT '-1' NOT NULL, 
	num_items INTEGER DEFAULT '0' NOT NULL, 
	items_digest VARCHAR(16), provenance VARCHAR(16), weights VARCHAR(16), copied_from BIGINT, 
	CONSTRAINT pk_evaluations PRIMARY KEY (id), 
	CONSTRAINT fk_evaluations_candidate_id FOREIGN KEY(candidate_id) REFERENCES candidates (id), 
	CONSTRAINT uq_evaluations_candidate_id_split_block UNIQUE (candidate_id, split, block)
);
INSERT INTO "evaluations" VALUES(1,1,'search','done',1,'worker-1','2026-11-01 06:46:19.344593','2026-11-01 06:46:19.363362','{"apply": 0.25, "score": 1.5}',20,2,2.14285714285714273819e-01,'{"choice": {"items": 1, "score": 0.0, "stderr": null, "reference_logprob": null}, "words": {"items": 1, "score": 0.42857142857142855, "stderr": null, "reference_logprob": -1.5}}',NULL,0,2,NULL,'feedbeef','0badcafe',NULL);
INSERT INTO "evaluations" VALUES(2,1,'search','done',1,'worker-1','2026-11-01 06:46:19.376944','2026-11-01 06:46:19.380571','{"apply": 0.25, "score": 1.5}',20,2,5.7142857142857139685e-01,'{"choice": {"items": 1, "score": 0.8571428571428571, "stderr": null, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.2857142857142857, "stderr": null, "reference_logprob": -1.5}}',NULL,1,2,NULL,'feedbeef','0badcafe',NULL);
INSERT INTO "evaluations" VALUES(3,2,'search','done',1,'worker-1','2026-11-01 06:46:19.391315','2026-11-01 06:46:19.393159','{"apply": 0.25, "score": 1.5}',20,2,4.28571428571428603149e-01,'{"choice": {"items": 1, "score": 0.7142857142857143, "stderr": null, "reference_logprob": null}, "words": {"items": 1, "score": 0.14285714285714285, "stderr": null, "reference_logprob": -1.5}}',NULL,0,2,NULL,NULL,NULL,NULL);
INSERT INTO "evaluations" VALUES(4,2,'search','done',1,'worker-1','2026-11-01 06:46:19.400440','2026-11-01 06:46:19.403851','{"apply": 0.25, "score": 1.5}',20,2,2.85714285714285698425e-01,'{"choice": {"items": 1, "score": 0.5714285714285714, "stderr": null, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.0, "stderr": null, "reference_logprob": -1.5}}',NULL,1,2,NULL,NULL,NULL,NULL);
INSERT INTO "evaluations" VALUES(5,3,'search','infeasible',0,NULL,NULL,'2026-11-01 06:46:19.446968','{}',0,0,NULL,'{}','NaN in the weights',-1,0,NULL,NULL,NULL,NULL);
INSERT INTO "evaluations" VALUES(6,4,'search','lost',1,'worker-0','2026-11-01 06:46:19.486682','2026-11-01 06:46:19.501063','{}',0,0,NULL,'{}','the node is gone',-1,0,NULL,NULL,NULL,NULL);
INSERT INTO "evaluations" VALUES(7,4,'search','done',1,'worker-1','2026-11-01 06:46:19.506133','2026-11-01 06:46:19.508194','{"apply": 0.25, "score": 1.5}',20,2,3.57142857142857095276e-01,'{"choice": {"items": 1, "score": 0.14285714285714285, "stderr": null, "reference_logprob": null}, "words": {"items": 1, "score": 0.5714285714285714, "stderr": null, "reference_logprob": -1.5}}',NULL,0,2,NULL,NULL,NULL,NULL);
INSERT INTO "evaluations" VALUES(8,4,'search','done',1,'worker-1','2026-11-01 06:46:19.516544','2026-11-01 06:46:19.522732','{"apply": 0.25, "score": 1.5}',20,2,2.14285714285714273819e-01,'{"choice": {"items": 1, "score": 0.0, "stderr": null, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.42857142857142855, "stderr": null, "reference_logprob": -1.5}}',NULL,1,2,NULL,NULL,NULL,NULL);
INSERT INTO "evaluations" VALUES(9,5,'search','done',1,'worker-1','2026-11-01 06:46:19.534827','2026-11-01 06:46:19.544503','{"apply": 0.25, "score": 1.5}',20,2,5.7142857142857139685e-01,'{"choice": {"items": 1, "score": 0.8571428571428571, "stderr": null, "reference_logprob": null}, "words": {"items": 1, "score": 0.2857142857142857, "stderr": null, "reference_logprob": -1.5}}',NULL,0,2,NULL,NULL,NULL,NULL);
INSERT INTO "evaluations" VALUES(10,5,'search','done',1,'worker-1','2026-11-01 06:46:19.560931','2026-11-01 06:46:19.569024','{"apply": 0.25, "score": 1.5}',20,2,4.28571428571428603149e-01,'{"choice": {"items": 1, "score": 0.7142857142857143, "stderr": null, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.14285714285714285, "stderr": null, "reference_logprob": -1.5}}',NULL,1,2,NULL,NULL,NULL,NULL);
INSERT INTO "evaluations" VALUES(11,4,'selection','done',1,'worker-1','2026-11-01 06:46:19.586163','2026-11-01 06:46:19.588522','{"apply": 0.25, "score": 1.5}',20,2,3.57142857142857095276e-01,'{"choice": {"items": 1, "score": 0.14285714285714285, "stderr": null, "reference_logprob": null}, "words": {"items": 1, "score": 0.5714285714285714, "stderr": null, "reference_logprob": -1.5}}',NULL,-1,2,NULL,NULL,NULL,NULL);
INSERT INTO "evaluations" VALUES(12,4,'test','done',1,'worker-1','2026-11-01 06:46:19.601602','2026-11-01 06:46:19.604369','{"apply": 0.25, "score": 1.5}',30,3,2.38095238095238054265e-01,'{"choice": {"items": 2, "score": 0.07142857142857142, "stderr": 0.07142857142857142, "reference_logprob": null}, "words": {"items": 1, "score": 0.5714285714285714, "stderr": null, "reference_logprob": -1.5}}',NULL,-1,3,'dfa461907d63d269',NULL,NULL,NULL);
INSERT INTO "evaluations" VALUES(13,6,'search','done',1,'worker-1','2026-11-01 06:46:19.679360','2026-11-01 06:46:19.696994','{"apply": 0.25, "score": 1.5}',20,2,2.14285714285714273819e-01,'{"choice": {"items": 1, "score": 0.0, "stderr": null, "reference_logprob": null}, "words": {"items": 1, "score": 0.42857142857142855, "stderr": null, "reference_logprob": -1.5}}',NULL,0,2,NULL,'feedbeef','0badcafe',NULL);
INSERT INTO "evaluations" VALUES(14,6,'search','done',1,'worker-1','2026-11-01 06:46:19.705307','2026-11-01 06:46:19.712671','{"apply": 0.25, "score": 1.5}',20,2,5.7142857142857139685e-01,'{"choice": {"items": 1, "score": 0.8571428571428571, "stderr": null, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.2857142857142857, "stderr": null, "reference_logprob": -1.5}}',NULL,1,2,NULL,'feedbeef','0badcafe',NULL);
INSERT INTO "evaluations" VALUES(15,7,'search','done',1,'worker-1','2026-11-01 06:46:19.725155','2026-11-01 06:46:19.730038','{"apply": 0.25, "score": 1.5}',20,2,4.28571428571428603149e-01,'{"choice": {"items": 1, "score": 0.7142857142857143, "stderr": null, "reference_logprob": null}, "words": {"items": 1, "score": 0.14285714285714285, "stderr": null, "reference_logprob": -1.5}}',NULL,0,2,NULL,NULL,NULL,NULL);
INSERT INTO "evaluations" VALUES(16,7,'search','done',1,'worker-1','2026-11-01 06:46:19.736959','2026-11-01 06:46:19.741006','{"apply": 0.25, "score": 1.5}',20,2,2.85714285714285698425e-01,'{"choice": {"items": 1, "score": 0.5714285714285714, "stderr": null, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.0, "stderr": null, "reference_logprob": -1.5}}',NULL,1,2,NULL,NULL,NULL,NULL);
INSERT INTO "evaluations" VALUES(17,8,'search','infeasible',0,NULL,NULL,'2026-11-01 06:46:19.752737','{}',0,0,NULL,'{}','NaN in the weights',-1,0,NULL,NULL,NULL,NULL);
INSERT INTO "evaluations" VALUES(18,9,'search','lost',1,'worker-0','2026-11-01 06:46:19.766887','2026-11-01 06:46:19.771275','{}',0,0,NULL,'{}','the node is gone',-1,0,NULL,NULL,NULL,NULL);
INSERT INTO "evaluations" VALUES(19,9,'search','done',1,'worker-1','2026-11-01 06:46:19.775906','2026-11-01 06:46:19.779528','{"apply": 0.25, "score": 1.5}',20,2,3.57142857142857095276e-01,'{"choice": {"items": 1, "score": 0.14285714285714285, "stderr": null, "reference_logprob": null}, "words": {"items": 1, "score": 0.5714285714285714, "stderr": null, "reference_logprob": -1.5}}',NULL,0,2,NULL,NULL,NULL,NULL);
INSERT INTO "evaluations" VALUES(20,9,'search','done',1,'worker-1','2026-11-01 06:46:19.784285','2026-11-01 06:46:19.788386','{"apply": 0.25, "score": 1.5}',20,2,2.14285714285714273819e-01,'{"choice": {"items": 1, "score": 0.0, "stderr": null, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.42857142857142855, "stderr": null, "reference_logprob": -1.5}}',NULL,1,2,NULL,NULL,NULL,NULL);
INSERT INTO "evaluations" VALUES(21,10,'search','done',1,'worker-1','2026-11-01 06:46:19.824713','2026-11-01 06:46:19.830004','{"apply": 0.25, "score": 1.5}',20,2,2.14285714285714273819e-01,'{"choice": {"items": 1, "score": 0.0, "stderr": null, "reference_logprob": null}, "words": {"items": 1, "score": 0.42857142857142855, "stderr": null, "reference_logprob": -1.5}}',NULL,0,2,NULL,'feedbeef','0badcafe',NULL);
INSERT INTO "evaluations" VALUES(22,10,'search','done',1,'worker-1','2026-11-01 06:46:19.841271','2026-11-01 06:46:19.844557','{"apply": 0.25, "score": 1.5}',20,2,5.7142857142857139685e-01,'{"choice": {"items": 1, "score": 0.8571428571428571, "stderr": null, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.2857142857142857, "stderr": null, "reference_logprob": -1.5}}',NULL,1,2,NULL,'feedbeef','0badcafe',NULL);
INSERT INTO "evaluations" VALUES(23,11,'search','done',1,'worker-1','2026-11-01 06:46:19.856518','2026-11-01 06:46:19.868850','{"apply": 0.25, "score": 1.5}',20,2,4.28571428571428603149e-01,'{"choice": {"items": 1, "score": 0.7142857142857143, "stderr": null, "reference_logprob": null}, "words": {"items": 1, "score": 0.14285714285714285, "stderr": null, "reference_logprob": -1.5}}',NULL,0,2,NULL,NULL,NULL,NULL);
INSERT INTO "evaluations" VALUES(24,11,'search','done',1,'worker-1','2026-11-01 06:46:19.876663','2026-11-01 06:46:19.879846','{"apply": 0.25, "score": 1.5}',20,2,2.85714285714285698425e-01,'{"choice": {"items": 1, "score": 0.5714285714285714, "stderr": null, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.0, "stderr": null, "reference_logprob": -1.5}}',NULL,1,2,NULL,NULL,NULL,NULL);
INSERT INTO "evaluations" VALUES(25,12,'search','infeasible',0,NULL,NULL,'2026-11-01 06:46:19.896392','{}',0,0,NULL,'{}','NaN in the weights',-1,0,NULL,NULL,NULL,NULL);
INSERT INTO "evaluations" VALUES(26,13,'search','lost',1,'worker-0','2026-11-01 06:46:19.904231','2026-11-01 06:46:19.908386','{}',0,0,NULL,'{}','the node is gone',-1,0,NULL,NULL,NULL,NULL);
INSERT INTO "evaluations" VALUES(27,13,'search','done',1,'worker-1','2026-11-01 06:46:19.912404','2026-11-01 06:46:19.916194','{"apply": 0.25, "score": 1.5}',20,2,3.57142857142857095276e-01,'{"choice": {"items": 1, "score": 0.14285714285714285, "stderr": null, "reference_logprob": null}, "words": {"items": 1, "score": 0.5714285714285714, "stderr": null, "reference_logprob": -1.5}}',NULL,0,2,NULL,NULL,NULL,NULL);
INSERT INTO "evaluations" VALUES(28,13,'search','done',1,'worker-1','2026-11-01 06:46:19.920208','2026-11-01 06:46:19.924353','{"apply": 0.25, "score": 1.5}',20,2,2.14285714285714273819e-01,'{"choice": {"items": 1, "score": 0.0, "stderr": null, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.42857142857142855, "stderr": null, "reference_logprob": -1.5}}',NULL,1,2,NULL,NULL,NULL,NULL);
INSERT INTO "evaluations" VALUES(29,14,'search','running',1,'worker-1','2026-11-01 06:46:19.932225',NULL,'{}',0,0,NULL,'{}',NULL,-1,0,NULL,NULL,NULL,NULL);
CREATE TABLE events (
	id INTEGER NOT NULL, 
	experiment_id VARCHAR(8) NOT NULL, 
	seq INTEGER NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	payload JSON NOT NULL, 
	at DATETIME NOT NULL, 
	CONSTRAINT pk_events PRIMARY KEY (id), 
	CONSTRAINT fk_events_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (id), 
	CONSTRAINT uq_events_experiment_id_seq UNIQUE (experiment_id, seq)
);
INSERT INTO "events" VALUES(1,'786nd4i4',1,'state','{"from": null, "to": "created", "driver": null, "error": null}','2026-11-01 06:46:19.306333');
INSERT INTO "events" VALUES(2,'786nd4i4',2,'state','{"from": "created", "to": "running", "driver": "node-1:4623", "error": null}','2026-11-01 06:46:19.317257');
INSERT INTO "events" VALUES(3,'786nd4i4',3,'ask','{"candidate_id": 1, "number": 0, "kind": "baseline", "block": null}','2026-11-01 06:46:19.332081');
INSERT INTO "events" VALUES(4,'786nd4i4',4,'start','{"candidate_id": 1, "number": 0, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 06:46:19.344593');
INSERT INTO "events" VALUES(5,'786nd4i4',5,'tell','{"candidate_id": 1, "number": 0, "split": "search", "block": 0, "fitness": 0.21428571428571427}','2026-11-01 06:46:19.363362');
INSERT INTO "events" VALUES(6,'786nd4i4',6,'start','{"candidate_id": 1, "number": 0, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 06:46:19.376944');
INSERT INTO "events" VALUES(7,'786nd4i4',7,'tell','{"candidate_id": 1, "number": 0, "split": "search", "block": 1, "fitness": 0.5714285714285714}','2026-11-01 06:46:19.380571');
INSERT INTO "events" VALUES(8,'786nd4i4',8,'ask','{"candidate_id": 2, "number": 1, "kind": "baseline", "block": null}','2026-11-01 06:46:19.388162');
INSERT INTO "events" VALUES(9,'786nd4i4',9,'start','{"candidate_id": 2, "number": 1, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 06:46:19.391315');
INSERT INTO "events" VALUES(10,'786nd4i4',10,'tell','{"candidate_id": 2, "number": 1, "split": "search", "block": 0, "fitness": 0.4285714285714286}','2026-11-01 06:46:19.393159');
INSERT INTO "events" VALUES(11,'786nd4i4',11,'start','{"candidate_id": 2, "number": 1, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 06:46:19.400440');
INSERT INTO "events" VALUES(12,'786nd4i4',12,'tell','{"candidate_id": 2, "number": 1, "split": "search", "block": 1, "fitness": 0.2857142857142857}','2026-11-01 06:46:19.403851');
INSERT INTO "events" VALUES(13,'786nd4i4',13,'ask','{"candidate_id": 3, "number": 2, "kind": "search", "block": null}','2026-11-01 06:46:19.408046');
INSERT INTO "events" VALUES(14,'786nd4i4',14,'infeasible','{"candidate_id": 3, "number": 2, "split": "search", "block": -1, "reason": "NaN in the weights"}','2026-11-01 06:46:19.446968');
INSERT INTO "events" VALUES(15,'786nd4i4',15,'ask','{"candidate_id": 4, "number": 3, "kind": "search", "block": null}','2026-11-01 06:46:19.453887');
INSERT INTO "events" VALUES(16,'786nd4i4',16,'start','{"candidate_id": 4, "number": 3, "split": "search", "block": -1, "attempt": 1, "worker": "worker-0"}','2026-11-01 06:46:19.486682');
INSERT INTO "events" VALUES(17,'786nd4i4',17,'lost','{"candidate_id": 4, "number": 3, "split": "search", "block": -1, "attempt": 1, "reason": "the node is gone"}','2026-11-01 06:46:19.501063');
INSERT INTO "events" VALUES(18,'786nd4i4',18,'start','{"candidate_id": 4, "number": 3, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 06:46:19.506133');
INSERT INTO "events" VALUES(19,'786nd4i4',19,'tell','{"candidate_id": 4, "number": 3, "split": "search", "block": 0, "fitness": 0.3571428571428571}','2026-11-01 06:46:19.508194');
INSERT INTO "events" VALUES(20,'786nd4i4',20,'start','{"candidate_id": 4, "number": 3, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 06:46:19.516544');
INSERT INTO "events" VALUES(21,'786nd4i4',21,'tell','{"candidate_id": 4, "number": 3, "split": "search", "block": 1, "fitness": 0.21428571428571427}','2026-11-01 06:46:19.522732');
INSERT INTO "events" VALUES(22,'786nd4i4',22,'ask','{"candidate_id": 5, "number": 4, "kind": "search", "block": null}','2026-11-01 06:46:19.532392');
INSERT INTO "events" VALUES(23,'786nd4i4',23,'start','{"candidate_id": 5, "number": 4, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 06:46:19.534827');
INSERT INTO "events" VALUES(24,'786nd4i4',24,'tell','{"candidate_id": 5, "number": 4, "split": "search", "block": 0, "fitness": 0.5714285714285714}','2026-11-01 06:46:19.544503');
INSERT INTO "events" VALUES(25,'786nd4i4',25,'start','{"candidate_id": 5, "number": 4, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 06:46:19.560931');
INSERT INTO "events" VALUES(26,'786nd4i4',26,'tell','{"candidate_id": 5, "number": 4, "split": "search", "block": 1, "fitness": 0.4285714285714286}','2026-11-01 06:46:19.569024');
INSERT INTO "events" VALUES(27,'786nd4i4',27,'export','{"artifact": "826d9ead1c6ec6d25b35fb97222604c2", "number": 3, "state": "pending", "error": null, "by": "ann"}','2026-11-01 06:46:19.576227');
INSERT INTO "events" VALUES(28,'786nd4i4',28,'start','{"candidate_id": 4, "number": 3, "split": "selection", "block": -1, "attempt": 1, "worker": "worker-1"}','2026-11-01 06:46:19.586163');
INSERT INTO "events" VALUES(29,'786nd4i4',29,'measure','{"candidate_id": 4, "number": 3, "split": "selection", "block": -1, "fitness": 0.3571428571428571}','2026-11-01 06:46:19.588522');
INSERT INTO "events" VALUES(30,'786nd4i4',30,'start','{"candidate_id": 4, "number": 3, "split": "test", "block": -1, "attempt": 1, "worker": "worker-1"}','2026-11-01 06:46:19.601602');
INSERT INTO "events" VALUES(31,'786nd4i4',31,'measure','{"candidate_id": 4, "number": 3, "split": "test", "block": -1, "fitness": 0.23809523809523805}','2026-11-01 06:46:19.604369');
INSERT INTO "events" VALUES(32,'786nd4i4',32,'decision','{"decision": "winner", "data": {"number": 3, "reason": "better than the center"}}','2026-11-01 06:46:19.612223');
INSERT INTO "events" VALUES(33,'786nd4i4',33,'state','{"from": "running", "to": "finished", "driver": "node-1:4623", "error": null}','2026-11-01 06:46:19.648296');
INSERT INTO "events" VALUES(34,'ib9t8rcn',1,'state','{"from": null, "to": "created", "driver": null, "error": null}','2026-11-01 06:46:19.661024');
INSERT INTO "events" VALUES(35,'ib9t8rcn',2,'state','{"from": "created", "to": "running", "driver": "node-1:4623", "error": null}','2026-11-01 06:46:19.664154');
INSERT INTO "events" VALUES(36,'ib9t8rcn',3,'ask','{"candidate_id": 6, "number": 0, "kind": "baseline", "block": null}','2026-11-01 06:46:19.676046');
INSERT INTO "events" VALUES(37,'ib9t8rcn',4,'start','{"candidate_id": 6, "number": 0, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 06:46:19.679360');
INSERT INTO "events" VALUES(38,'ib9t8rcn',5,'tell','{"candidate_id": 6, "number": 0, "split": "search", "block": 0, "fitness": 0.21428571428571427}','2026-11-01 06:46:19.696994');
INSERT INTO "events" VALUES(39,'ib9t8rcn',6,'start','{"candidate_id": 6, "number": 0, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 06:46:19.705307');
INSERT INTO "events" VALUES(40,'ib9t8rcn',7,'tell','{"candidate_id": 6, "number": 0, "split": "search", "block": 1, "fitness": 0.5714285714285714}','2026-11-01 06:46:19.712671');
INSERT INTO "events" VALUES(41,'ib9t8rcn',8,'ask','{"candidate_id": 7, "number": 1, "kind": "baseline", "block": null}','2026-11-01 06:46:19.718601');
INSERT INTO "events" VALUES(42,'ib9t8rcn',9,'start','{"candidate_id": 7, "number": 1, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 06:46:19.725155');
INSERT INTO "events" VALUES(43,'ib9t8rcn',10,'tell','{"candidate_id": 7, "number": 1, "split": "search", "block": 0, "fitness": 0.4285714285714286}','2026-11-01 06:46:19.730038');
INSERT INTO "events" VALUES(44,'ib9t8rcn',11,'start','{"candidate_id": 7, "number": 1, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 06:46:19.736959');
INSERT INTO "events" VALUES(45,'ib9t8rcn',12,'tell','{"candidate_id": 7, "number": 1, "split": "search", "block": 1, "fitness": 0.2857142857142857}','2026-11-01 06:46:19.741006');
INSERT INTO "events" VALUES(46,'ib9t8rcn',13,'ask','{"candidate_id": 8, "number": 2, "kind": "search", "block": null}','2026-11-01 06:46:19.748058');
INSERT INTO "events" VALUES(47,'ib9t8rcn',14,'infeasible','{"candidate_id": 8, "number": 2, "split": "search", "block": -1, "reason": "NaN in the weights"}','2026-11-01 06:46:19.752737');
INSERT INTO "events" VALUES(48,'ib9t8rcn',15,'ask','{"candidate_id": 9, "number": 3, "kind": "search", "block": null}','2026-11-01 06:46:19.760461');
INSERT INTO "events" VALUES(49,'ib9t8rcn',16,'start','{"candidate_id": 9, "number": 3, "split": "search", "block": -1, "attempt": 1, "worker": "worker-0"}','2026-11-01 06:46:19.766887');
INSERT INTO "events" VALUES(50,'ib9t8rcn',17,'lost','{"candidate_id": 9, "number": 3, "split": "search", "block": -1, "attempt": 1, "reason": "the node is gone"}','2026-11-01 06:46:19.771275');
INSERT INTO "events" VALUES(51,'ib9t8rcn',18,'start','{"candidate_id": 9, "number": 3, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 06:46:19.775906');
INSERT INTO "events" VALUES(52,'ib9t8rcn',19,'tell','{"candidate_id": 9, "number": 3, "split": "search", "block": 0, "fitness": 0.3571428571428571}','2026-11-01 06:46:19.779528');
INSERT INTO "events" VALUES(53,'ib9t8rcn',20,'start','{"candidate_id": 9, "number": 3, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 06:46:19.784285');
INSERT INTO "events" VALUES(54,'ib9t8rcn',21,'tell','{"candidate_id": 9, "number": 3, "split": "search", "block": 1, "fitness": 0.21428571428571427}','2026-11-01 06:46:19.788386');
INSERT INTO "events" VALUES(55,'ib9t8rcn',22,'state','{"from": "running", "to": "interrupted", "driver": "node-1:4623", "error": null}','2026-11-01 06:46:19.794132');
INSERT INTO "events" VALUES(56,'shb54qfm',1,'state','{"from": null, "to": "created", "driver": null, "error": null}','2026-11-01 06:46:19.809134');
INSERT INTO "events" VALUES(57,'shb54qfm',2,'state','{"from": "created", "to": "running", "driver": "node-1:4623", "error": null}','2026-11-01 06:46:19.812269');
INSERT INTO "events" VALUES(58,'shb54qfm',3,'ask','{"candidate_id": 10, "number": 0, "kind": "baseline", "block": null}','2026-11-01 06:46:19.820035');
INSERT INTO "events" VALUES(59,'shb54qfm',4,'start','{"candidate_id": 10, "number": 0, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 06:46:19.824713');
INSERT INTO "events" VALUES(60,'shb54qfm',5,'tell','{"candidate_id": 10, "number": 0, "split": "search", "block": 0, "fitness": 0.21428571428571427}','2026-11-01 06:46:19.830004');
INSERT INTO "events" VALUES(61,'shb54qfm',6,'start','{"candidate_id": 10, "number": 0, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 06:46:19.841271');
INSERT INTO "events" VALUES(62,'shb54qfm',7,'tell','{"candidate_id": 10, "number": 0, "split": "search", "block": 1, "fitness": 0.5714285714285714}','2026-11-01 06:46:19.844557');
INSERT INTO "events" VALUES(63,'shb54qfm',8,'ask','{"candidate_id": 11, "number": 1, "kind": "baseline", "block": null}','2026-11-01 06:46:19.852323');
INSERT INTO "events" VALUES(64,'shb54qfm',9,'start','{"candidate_id": 11, "number": 1, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 06:46:19.856518');
INSERT INTO "events" VALUES(65,'shb54qfm',10,'tell','{"candidate_id": 11, "number": 1, "split": "search", "block": 0, "fitness": 0.4285714285714286}','2026-11-01 06:46:19.868850');
INSERT INTO "events" VALUES(66,'shb54qfm',11,'start','{"candidate_id": 11, "number": 1, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 06:46:19.876663');
INSERT INTO "events" VALUES(67,'shb54qfm',12,'tell','{"candidate_id": 11, "number": 1, "split": "search", "block": 1, "fitness": 0.2857142857142857}','2026-11-01 06:46:19.879846');
INSERT INTO "events" VALUES(68,'shb54qfm',13,'ask','{"candidate_id": 12, "number": 2, "kind": "search", "block": null}','2026-11-01 06:46:19.891898');
INSERT INTO "events" VALUES(69,'shb54qfm',14,'infeasible','{"candidate_id": 12, "number": 2, "split": "search", "block": -1, "reason": "NaN in the weights"}','2026-11-01 06:46:19.896392');
INSERT INTO "events" VALUES(70,'shb54qfm',15,'ask','{"candidate_id": 13, "number": 3, "kind": "search", "block": null}','2026-11-01 06:46:19.899930');
INSERT INTO "events" VALUES(71,'shb54qfm',16,'start','{"candidate_id": 13, "number": 3, "split": "search", "block": -1, "attempt": 1, "worker": "worker-0"}','2026-11-01 06:46:19.904231');
INSERT INTO "events" VALUES(72,'shb54qfm',17,'lost','{"candidate_id": 13, "number": 3, "split": "search", "block": -1, "attempt": 1, "reason": "the node is gone"}','2026-11-01 06:46:19.908386');
INSERT INTO "events" VALUES(73,'shb54qfm',18,'start','{"candidate_id": 13, "number": 3, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 06:46:19.912404');
INSERT INTO "events" VALUES(74,'shb54qfm',19,'tell','{"candidate_id": 13, "number": 3, "split": "search", "block": 0, "fitness": 0.3571428571428571}','2026-11-01 06:46:19.916194');
INSERT INTO "events" VALUES(75,'shb54qfm',20,'start','{"candidate_id": 13, "number": 3, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 06:46:19.920208');
INSERT INTO "events" VALUES(76,'shb54qfm',21,'tell','{"candidate_id": 13, "number": 3, "split": "search", "block": 1, "fitness": 0.21428571428571427}','2026-11-01 06:46:19.924353');
INSERT INTO "events" VALUES(77,'shb54qfm',22,'ask','{"candidate_id": 14, "number": 4, "kind": "search", "block": null}','2026-11-01 06:46:19.927936');
INSERT INTO "events" VALUES(78,'shb54qfm',23,'start','{"candidate_id": 14, "number": 4, "split": "search", "block": -1, "attempt": 1, "worker": "worker-1"}','2026-11-01 06:46:19.932225');
CREATE TABLE evomerge_schema_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT evomerge_schema_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "evomerge_schema_version" VALUES('0007');
CREATE TABLE experiments (
	id VARCHAR(8) NOT NULL, 
	name VARCHAR(64) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	spec JSON NOT NULL, 
	source_dir TEXT NOT NULL, 
	resolved JSON NOT NULL, 
	created_at DATETIME NOT NULL, 
	updated_at DATETIME NOT NULL, 
	seconds_spent DOUBLE NOT NULL, 
	error TEXT, 
	driver JSON, owner VARCHAR(64) DEFAULT '' NOT NULL, priority INTEGER DEFAULT '0' NOT NULL, wanted VARCHAR(16), revision INTEGER DEFAULT '1' NOT NULL, budget JSON, workers INTEGER, launch JSON, control_seq INTEGER DEFAULT '0' NOT NULL, last_seq INTEGER DEFAULT '0' NOT NULL, num_candidates INTEGER DEFAULT '0' NOT NULL, num_scored INTEGER DEFAULT '0' NOT NULL, num_infeasible INTEGER DEFAULT '0' NOT NULL, num_running INTEGER DEFAULT '0' NOT NULL, num_done INTEGER DEFAULT '0' NOT NULL, num_lost INTEGER DEFAULT '0' NOT NULL, num_search_items BIGINT DEFAULT '0' NOT NULL, prompt_tokens BIGINT DEFAULT '0' NOT NULL, generated_tokens BIGINT DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_experiments PRIMARY KEY (id)
);
INSERT INTO "experiments" VALUES('786nd4i4','finished','finished','{"name": "finished", "base_model": "base", "models": {"a": "a", "b": "b"}, "search": {"budget": {"evaluations": 8}}}','/models','{"genes": ["a weight 0", "b weight 0"], "inputs": {"models": {"base": "9f2c"}}}','2026-11-01 06:46:19.299771','2026-11-01 06:46:19.648296',12.5,NULL,NULL,'',0,NULL,3,NULL,NULL,NULL,0,33,5,4,1,0,10,1,16,210,21);
INSERT INTO "experiments" VALUES('ib9t8rcn','interrupted','interrupted','{"name": "interrupted", "base_model": "base", "models": {"a": "a", "b": "b"}, "search": {"budget": {"evaluations": 8}}}','/models','{"genes": ["a weight 0", "b weight 0"], "inputs": {"models": {"base": "9f2c"}}}','2026-11-01 06:46:19.659653','2026-11-01 06:46:19.794132',12.5,NULL,NULL,'',0,NULL,3,NULL,NULL,NULL,0,22,4,3,1,0,6,1,12,120,12);
INSERT INTO "experiments" VALUES('shb54qfm','killed','running','{"name": "killed", "base_model": "base", "models": {"a": "a", "b": "b"}, "search": {"budget": {"evaluations": 8}}}','/models','{"genes": ["a weight 0", "b weight 0"], "inputs": {"models": {"base": "9f2c"}}}','2026-11-01 06:46:19.807749','2026-11-01 06:46:19.935917',12.5,NULL,'{"host": "node-1", "pid": 4623, "process_started": 1795761978.03, "heartbeat": "2026-11-01T06:46:19.936115+00:00", "token": "0b77e2d1f86c6314471da70fefe25aaf"}','',0,NULL,2,NULL,NULL,NULL,0,23,5,3,1,1,6,1,12,120,12);
CREATE TABLE item_scores (
	evaluation_id INTEGER NOT NULL, 
	task VARCHAR(255) NOT NULL, 
	item VARCHAR(64) NOT NULL, 
	score DOUBLE NOT NULL, 
	reference_logprob DOUBLE, 
	output TEXT, 
	CONSTRAINT pk_item_scores PRIMARY KEY (evaluation_id, task, item), 
	CONSTRAINT fk_item_scores_evaluation_id FOREIGN KEY(evaluation_id) REFERENCES evaluations (id)
);
INSERT INTO "item_scores" VALUES(1,'choice','0000000000000000',0.0,NULL,NULL);
INSERT INTO "item_scores" VALUES(1,'words','0000000000000001',4.28571428571428547638e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(2,'choice','0000000000000002',8.57142857142857095276e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(2,'words','0000000000000003',2.85714285714285698425e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(3,'choice','0000000000000000',7.14285714285714301574e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(3,'words','0000000000000001',1.42857142857142849212e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(4,'choice','0000000000000002',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(4,'words','0000000000000003',0.0,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(7,'choice','0000000000000000',1.42857142857142849212e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(7,'words','0000000000000001',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(8,'choice','0000000000000002',0.0,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(8,'words','0000000000000003',4.28571428571428547638e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(9,'choice','0000000000000000',8.57142857142857095276e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(9,'words','0000000000000001',2.85714285714285698425e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(10,'choice','0000000000000002',7.14285714285714301574e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(10,'words','0000000000000003',1.42857142857142849212e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(11,'choice','1000000000000000',1.42857142857142849212e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(11,'words','1000000000000001',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(12,'choice','2000000000000000',1.42857142857142849212e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(12,'words','2000000000000001',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(12,'choice','2000000000000002',0.0,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(13,'choice','0000000000000000',0.0,NULL,NULL);
INSERT INTO "item_scores" VALUES(13,'words','0000000000000001',4.28571428571428547638e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(14,'choice','0000000000000002',8.57142857142857095276e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(14,'words','0000000000000003',2.85714285714285698425e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(15,'choice','0000000000000000',7.14285714285714301574e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(15,'words','0000000000000001',1.42857142857142849212e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(16,'choice','0000000000000002',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(16,'words','0000000000000003',0.0,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(19,'choice','0000000000000000',1.42857142857142849212e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(19,'words','0000000000000001',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(20,'choice','0000000000000002',0.0,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(20,'words','0000000000000003',4.28571428571428547638e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(21,'choice','0000000000000000',0.0,NULL,NULL);
INSERT INTO "item_scores" VALUES(21,'words','0000000000000001',4.28571428571428547638e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(22,'choice','0000000000000002',8.57142857142857095276e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(22,'words','0000000000000003',2.85714285714285698425e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(23,'choice','0000000000000000',7.14285714285714301574e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(23,'words','0000000000000001',1.42857142857142849212e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(24,'choice','0000000000000002',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(24,'words','0000000000000003',0.0,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(27,'choice','0000000000000000',1.42857142857142849212e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(27,'words','0000000000000001',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(28,'choice','0000000000000002',0.0,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(28,'words','0000000000000003',4.28571428571428547638e-01,-1.5,'naïve ✓
');
CREATE TABLE item_texts (
	source VARCHAR(16) NOT NULL, 
	item VARCHAR(64) NOT NULL, 
	prompt TEXT, 
	reference TEXT, 
	choices JSON, 
	truncated BOOLEAN NOT NULL, 
	CONSTRAINT pk_item_texts PRIMARY KEY (source, item)
);
INSERT INTO "item_texts" VALUES('c0ffee','0000000000000000','naïve ✓?','yes','["yes", "no"]',0);
INSERT INTO "item_texts" VALUES('c0ffee','0000000000000001','long',NULL,NULL,1);
CREATE TABLE provenances (
	digest VARCHAR(16) NOT NULL, 
	data JSON NOT NULL, 
	CONSTRAINT pk_provenances PRIMARY KEY (digest)
);
INSERT INTO "provenances" VALUES('feedbeef','{"dtype": "bfloat16"}');
CREATE TABLE requests (
	owner VARCHAR(64) NOT NULL, 
	"key" VARCHAR(255) NOT NULL, 
	fingerprint VARCHAR(64) NOT NULL, 
	resource TEXT NOT NULL, 
	at DATETIME NOT NULL, 
	CONSTRAINT pk_requests PRIMARY KEY (owner, "key")
);
CREATE TABLE search_traces (
	experiment_id VARCHAR(8) NOT NULL, 
	updates INTEGER NOT NULL, 
	run INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	items BIGINT NOT NULL, 
	state JSON NOT NULL, 
	CONSTRAINT pk_search_traces PRIMARY KEY (experiment_id, updates), 
	CONSTRAINT fk_search_traces_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (id)
);
INSERT INTO "search_traces" VALUES('786nd4i4',1,0,5,16,'{"sigma": 0.75, "eigenvalues": [1.5, 1.0]}');
CREATE TABLE tokens (
	id VARCHAR(8) NOT NULL, 
	name TEXT NOT NULL, 
	owner VARCHAR(64) NOT NULL, 
	scope VARCHAR(16) NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	created_at DATETIME NOT NULL, 
	expires_at DATETIME, 
	revoked_at DATETIME, 
	last_used_at DATETIME, 
	CONSTRAINT pk_tokens PRIMARY KEY (id), 
	CONSTRAINT uq_tokens_digest UNIQUE (digest)
);
CREATE INDEX ix_experiments_created_at_id ON experiments (created_at, id);
CREATE INDEX ix_experiments_name ON experiments (name);
CREATE INDEX ix_candidates_experiment_id_recipe_digest ON candidates (experiment_id, recipe_digest);
CREATE INDEX ix_candidates_experiment_id_state_fitness ON candidates (experiment_id, state, fitness);
CREATE INDEX ix_evaluations_items_digest ON evaluations (items_digest);
CREATE INDEX ix_experiments_state_created_at ON experiments (state, created_at);
CREATE INDEX ix_experiments_owner_state ON experiments (owner, state);
CREATE INDEX ix_events_experiment_id_kind_seq ON events (experiment_id, kind, seq);
CREATE INDEX ix_requests_at ON requests (at);
CREATE INDEX ix_artifacts_experiment_id_created_at ON artifacts (experiment_id, created_at);
CREATE INDEX ix_artifacts_state ON artifacts (state);
CREATE INDEX ix_candidates_overview ON candidates (experiment_id, number, kind, state, fitness, created_at, id);
CREATE INDEX ix_evaluations_weights_split ON evaluations (weights, split);
CREATE INDEX ix_checkpoint_evaluations_weights_split ON checkpoint_evaluations (weights, split);
COMMIT;
